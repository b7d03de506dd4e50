from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path
from typing import NoReturn

import pytest

from gitstore.disk import cores
from gitstore.git.repository import Repository
from gitstore.objects import tree
from gitstore.objects import writer as object_writer
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.objects.writer import ObjectHasher
from gitstore.packs.oid import Kind, Oid
from tests.support.commands import fsck, git
from tests.support.content import MIB, noise
from tests.support.packs import add_blobs, pack_names

LONG_AGO = 1_000_000_000


def packed(repository: Repository) -> set[Oid]:
    repository.objects.refresh()
    return {oid for pack in repository.objects.own_packs for oid in pack.index.oids()}


def test_objects_of_every_kind_are_as_git_makes_them(repository: Repository) -> None:
    identity = repository.identity()
    with repository.writer() as writer:
        blob = writer.add(Kind.BLOB, b"weights")
        folder = writer.add(Kind.TREE, tree.encode([TreeEntry(Mode.FILE, b"w", blob)]))
        text = f"tree {folder}\nauthor {identity}\ncommitter {identity}\n\nm\n"
        commit = writer.add(Kind.COMMIT, text.encode())
        tag = writer.add(Kind.TAG, f"object {commit}\ntype commit\ntag v1\ntagger {identity}\n\nm\n".encode())
        written = writer.finish()
    assert written is not None and written.objects == 4
    git("update-ref", "refs/tags/v1", str(tag), cwd=repository.directory)
    assert git("show", "v1^{commit}:w", cwd=repository.directory) == "weights"
    fsck(repository)


def test_a_write_has_every_object_once(repository: Repository) -> None:
    seen: list[Oid] = []
    with repository.writer() as writer:
        for _ in range(3):
            writer.add_blob(b"same", seen.append)
        writer.settle()
        assert writer.add(Kind.BLOB, b"same") == seen[0]
        written = writer.finish()
    assert seen == [Oid.of(Kind.BLOB, b"same")] * 3
    assert written is not None and written.objects == 1


def test_only_what_the_repository_lacks_is_written(repository: Repository, tmp_path: Path) -> None:
    """Whether it is in a pack, loose, or in an alternate."""
    other = Repository.create(tmp_path / "other")
    add_blobs(other.objects, b"borrowed")
    (repository.common / "objects/info/alternates").write_text(f"{other.common}/objects\n")
    add_blobs(repository.objects, b"packed")
    git("hash-object", "-w", "--stdin", cwd=repository.directory, stdin=b"loose")
    repository.objects.refresh()
    written = add_blobs(repository.objects, b"packed", b"loose", b"borrowed", b"new")
    assert written is not None and written.objects == 1
    assert packed(repository) == {Oid.of(Kind.BLOB, b"packed"), Oid.of(Kind.BLOB, b"new")}
    assert add_blobs(repository.objects, b"packed", b"loose", b"borrowed", b"new") is None


def test_what_is_there_already_is_made_young(repository: Repository) -> None:
    """Else a gc at the same time may prune it as old before our ref holds it."""
    written = add_blobs(repository.objects, b"packed")
    oid = git("hash-object", "-w", "--stdin", cwd=repository.directory, stdin=b"loose").strip()
    loose = repository.common / "objects" / oid[:2] / oid[2:]
    assert written is not None
    for _ in range(2):  # a process that lives long writes more than once
        for path in (written.path, loose):
            os.utime(path, (LONG_AGO, LONG_AGO))
        add_blobs(repository.objects, b"packed", b"loose", os.urandom(8))
        assert min(path.stat().st_mtime for path in (written.path, loose)) > LONG_AGO


def test_a_pack_that_vanished_is_not_relied_on(repository: Repository) -> None:
    written = add_blobs(repository.objects, b"gone")
    assert written is not None and Oid.of(Kind.BLOB, b"gone") in repository.objects
    for suffix in (".idx", ".pack", ".keep"):
        written.path.with_suffix(suffix).unlink()
    again = add_blobs(repository.objects, b"gone")
    assert again is not None and again.objects == 1


def test_a_tree_is_there_with_all_it_names(repository: Repository) -> None:
    with repository.writer() as writer:
        blob = writer.add(Kind.BLOB, b"part")
        whole = writer.add(Kind.TREE, tree.encode([TreeEntry(Mode.FILE, b"0", blob)]))
        missing = TreeEntry(Mode.FILE, b"0", Oid.of(Kind.BLOB, b"nowhere"))
        broken = writer.add(Kind.TREE, tree.encode([missing]))
        writer.finish()
    with repository.writer() as writer:
        assert [writer.has_tree(oid) for oid in (whole, broken, blob.of(Kind.TREE, b""))] == [
            True,
            False,
            False,
        ]


def test_ids_come_in_the_order_of_the_calls(repository: Repository) -> None:
    contents = [noise(200_000 if number % 3 else 10, seed=number) for number in range(30)]
    seen: list[Oid] = []
    with repository.writer() as writer:
        for content in contents:
            writer.add_blob(content, seen.append)
        written = writer.finish()
    assert written is not None
    assert seen == [Oid.of(Kind.BLOB, content) for content in contents]
    (pack,) = repository.objects.own_packs
    assert [pack.index.oid(at) for at in pack.positions_in_file_order()] == seen


def test_nothing_is_there_before_the_end(repository: Repository) -> None:
    threads = threading.active_count()
    with pytest.raises(ZeroDivisionError), repository.writer() as writer:
        writer.add_blob(b"lost", lambda _: None)
        writer.settle()
        raise ZeroDivisionError
    assert pack_names(repository.common / "objects") == []
    assert threading.active_count() == threads


def test_a_failure_on_another_core_is_not_lost(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deflate(_: bytes, *, width: int) -> NoReturn:
        raise MemoryError

    monkeypatch.setattr(object_writer, "deflate", deflate)
    with pytest.raises(MemoryError), repository.writer() as writer:
        writer.add_blob(b"too much", lambda _: None)
        writer.finish()
    assert pack_names(repository.common / "objects") == []


def test_a_hasher_knows_the_ids_and_writes_nothing(repository: Repository) -> None:
    seen: list[Oid] = []
    with ObjectHasher(repository.objects) as hasher:
        hasher.add_blob(b"weights", seen.append)
        seen.append(hasher.add(Kind.TREE, b""))
        hasher.settle()
    assert set(seen) == {Oid.of(Kind.BLOB, b"weights"), Oid.of(Kind.TREE, b"")}
    assert packed(repository) == set()


def test_memory_stays_bounded_whatever_is_written(repository: Repository) -> None:
    """200 MiB go through; what is under way may be 64 MiB of content and as much of its streams."""
    script = f"""
        import resource
        from pathlib import Path
        from gitstore.git.repository import Repository
        from tests.support.content import noise
        part = bytearray(noise({2 * MIB}))
        with Repository(Path({str(repository.common)!r})).writer() as writer:
            writer._pack.append = lambda oid, *entry: None  # the disk is not what is measured
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            for number in range(100):
                part[:4] = number.to_bytes(4, "big")
                writer.add_blob(bytes(part), lambda _: None)
            writer.settle()
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert int(done.stdout) < 160


def test_cores_are_those_of_this_process() -> None:
    assert 1 <= cores.core_count() <= min(16, len(os.sched_getaffinity(0)))


@pytest.mark.parametrize("expected", [20, 19, 21])
def test_the_blobs_of_a_large_write_are_a_pack(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, expected: int
) -> None:
    """Other repositories can link it. Too many or too few expected blobs change nothing."""
    monkeypatch.setattr(object_writer, "LARGE_PACK", 100_000)
    blobs = [noise(10_000, seed=number) for number in range(20)]
    with repository.writer() as writer:
        before = writer.add(Kind.BLOB, b"code")
        writer.expect_blobs(200_000, lambda: expected)
        oids: list[Oid] = []
        for blob in blobs:
            writer.add_blob(blob, oids.append)
        writer.settle()
        entries = [TreeEntry(Mode.FILE, b"%02d" % number, oid) for number, oid in enumerate(oids)]
        folder = writer.add(Kind.TREE, tree.encode(entries))
        assert writer.add(Kind.TREE, tree.encode(entries)) == folder
        assert writer.has(folder)
        written = writer.finish()
    assert written is not None and written.objects == 22
    repository.objects.refresh()
    packs = {pack.index.count: set(pack.index.oids()) for pack in repository.objects.own_packs}
    assert packs == {21: {before, *oids}, 1: {folder}}
    fsck(repository)
    for pack in repository.objects.own_packs:
        git("verify-pack", str(pack.index.path), cwd=repository.directory)


def test_a_large_write_of_what_is_there_is_one_small_pack(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(object_writer, "LARGE_PACK", 100_000)
    blob = noise(200_000)
    add_blobs(repository.objects, blob)
    with repository.writer() as writer:
        writer.expect_blobs(len(blob), lambda: 1)
        writer.add_blob(blob, lambda _: None)
        writer.add(Kind.BLOB, b"after")
        written = writer.finish()
    assert written is not None and written.objects == 1
    fsck(repository)


@pytest.mark.parametrize("size", [99_999, 100_000])
def test_blobs_are_counted_only_for_a_large_pack(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(object_writer, "LARGE_PACK", 100_000)
    counted: list[int] = []
    with repository.writer() as writer, ObjectHasher(repository.objects) as hasher:
        for adder in (hasher, writer):
            adder.expect_blobs(size, lambda: counted.append(size))
        blob = writer.add(Kind.BLOB, b"not counted")
        written = writer.finish()
    assert counted == ([size] if size == 100_000 else [])
    assert written is not None and packed(repository) == {blob}
