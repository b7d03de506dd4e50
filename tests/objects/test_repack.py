from __future__ import annotations

import errno
import math
import os
import random
import subprocess
import textwrap
from pathlib import Path

import pytest

from gitstore.disk import locks
from gitstore.git.repository import Repository
from gitstore.objects import repack
from gitstore.objects.repack import merge_small_packs
from gitstore.packs.format import KEEP_MARK
from gitstore.packs.oid import Kind, Oid
from tests.support import combinations
from tests.support.commands import fsck, git
from tests.support.content import MIB, noise
from tests.support.packs import add_blobs, pack_names, write_pack
from tests.support.spawning import stand_ins

WRITES, ROUNDS = 64, 8


def merged(repository: Repository) -> list[str]:
    """Merge; returns the names of the packs that went."""
    return sorted(pack.path.name for pack in merge_small_packs(repository.objects, repository.private))


def pack_count(repository: Repository) -> int:
    return len([name for name in pack_names(repository.common / "objects") if name.endswith(".pack")])


def readable(repository: Repository, *contents: bytes) -> bool:
    objects = Repository(repository.common).objects
    return all(objects.read(Oid.of(Kind.BLOB, content)) == (Kind.BLOB, content) for content in contents)


def test_packs_stay_few_over_many_writes(repository: Repository) -> None:
    contents, most = [], 0
    copied = 0
    for number in range(WRITES):
        contents.append(noise(50 + number * 7 % 400, seed=number))
        add_blobs(repository.objects, contents[-1])
        gone = merge_small_packs(repository.objects, repository.private)
        copied += sum(pack.index.count for pack in gone)
        most = max(most, pack_count(repository))
    assert most <= math.log2(WRITES) + 2
    assert copied <= WRITES * math.log2(WRITES)
    assert readable(repository, *contents)
    assert sum(pack.index.count for pack in repository.objects.own_packs) == WRITES
    fsck(repository)


def test_each_pack_that_stays_is_twice_as_large_as_all_smaller_ones(repository: Repository) -> None:
    for size in (130_000, 40_000, 10_000, 9_000):
        add_blobs(repository.objects, noise(size, seed=size))
    assert len(merged(repository)) == 2
    sizes = sorted(pack.size for pack in repository.objects.own_packs)
    assert [round(size, -3) for size in sizes] == [19_000, 40_000, 130_000]
    assert merged(repository) == []


@pytest.fixture
def small_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packs are medium from 10,000 bytes on, and large from 80,000 bytes on."""
    monkeypatch.setattr(repack, "MEDIUM_PACK", 10_000)
    monkeypatch.setattr(repack, "LARGE_PACK", 80_000)


@pytest.mark.usefixtures("small_limits")
def test_medium_packs_stay_while_they_are_few(repository: Repository) -> None:
    """Even if each is larger than all smaller ones together: other repositories can link them as they are."""
    packs = [add_blobs(repository.objects, noise(10_000 + seed, seed)) for seed in range(repack.MOST_MEDIUM)]
    add_blobs(repository.objects, b"small")
    add_blobs(repository.objects, b"small, too")
    assert len(merged(repository)) == 2
    assert all(written is not None and written.path.exists() for written in packs)


@combinations.sample(2)
@pytest.mark.usefixtures("small_limits")
@pytest.mark.parametrize(("size", "count"), [(10_000, 8), (30_000, 3), (79_000, 2), (2_500, 16)])
def test_if_there_are_too_many_medium_packs_the_smallest_are_merged(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, size: int, count: int
) -> None:
    """So many as make a large one, but 16 at most: no write has to wait for more."""
    monkeypatch.setattr(repack, "MEDIUM_PACK", 2_500)
    contents = [noise(size + seed, seed) for seed in range(repack.MOST_MEDIUM + 1)]
    for content in contents:
        add_blobs(repository.objects, content)
    assert len(merged(repository)) == count
    assert merged(repository) == []
    assert readable(repository, *contents)
    fsck(repository)


@combinations.rest
@pytest.mark.usefixtures("small_limits")
def test_packs_of_all_sizes_stay_few(repository: Repository) -> None:
    """Bytes in so many large packs, 32 medium ones, and a logarithm of small ones."""
    draw = random.Random(7)
    written = most = copied = 0
    for number in range(300):
        size = int(10 ** draw.uniform(2, 4.7))
        add_blobs(repository.objects, noise(size, number))
        written += size
        copied += sum(pack.size for pack in merge_small_packs(repository.objects, repository.private))
        most = max(most, pack_count(repository) - written // 80_000)
    assert most <= repack.MOST_MEDIUM + math.log2(10_000 / 100) + 1
    assert copied <= 4 * written
    fsck(repository)


def test_packs_that_are_linked_stay(repository: Repository, tmp_path: Path) -> None:
    linked = [
        add_blobs(repository.objects, noise(repack.LINKED_PACK + seed, seed))
        for seed in range(repack.MOST_MEDIUM + 2)
    ]
    for written in linked:
        assert written is not None
        os.link(written.path, tmp_path / written.path.name)
    assert merged(repository) == []


def test_packs_that_hold_the_same_become_one(repository: Repository) -> None:
    """Two processes that wrote the same at once. If one pack has all, the merged one is that very pack."""
    directory = repository.common / "objects" / "pack"
    small = write_pack(directory, [noise(1000)])
    large = write_pack(directory, [noise(1000), b"more"])
    repository.objects.refresh()
    assert merged(repository) == [small.path.name]
    assert pack_names(directory.parent) == [f"{large.path.stem}{end}" for end in (".idx", ".keep", ".pack")]
    assert readable(repository, noise(1000), b"more")
    fsck(repository)


def test_packs_with_the_same_objects_in_another_order(repository: Repository) -> None:
    directory = repository.common / "objects" / "pack"
    write_pack(directory, [b"a", b"b", b"c"])
    write_pack(directory, [b"c", b"b", b"a"])
    write_pack(directory, [b"b", b"c", b"a"])
    merged(repository)
    assert pack_count(repository) == 1
    assert readable(repository, b"a", b"b", b"c")
    fsck(repository)


def test_large_packs_stay(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repack, "LARGE_PACK", MIB)
    large = [add_blobs(repository.objects, noise(MIB, seed=seed)) for seed in (1, 2)]
    assert merged(repository) == []
    for number in range(3):
        add_blobs(repository.objects, b"small %d" % number)
    assert len(merged(repository)) == 3
    assert all(written is not None and written.path.exists() for written in large)


def test_packs_of_others_stay(repository: Repository) -> None:
    """git's own, and those that a person keeps."""
    directory = repository.common / "objects" / "pack"
    kept = write_pack(directory, [b"kept"])
    kept.path.with_suffix(".keep").unlink()
    kept.path.with_suffix(".keep").write_text("mine, do not touch\n")
    plain = write_pack(directory, [b"plain"])
    plain.path.with_suffix(".keep").unlink()
    git("hash-object", "-w", "--stdin", cwd=repository.directory, stdin=b"git's")
    oid = str(Oid.of(Kind.BLOB, b"git's"))
    git("pack-objects", "-q", ".git/objects/pack/pack", cwd=repository.directory, stdin=f"{oid}\n".encode())
    for number in range(2):
        write_pack(directory, [b"ours %d" % number])
    assert len(merged(repository)) == 2
    assert kept.path.exists() and plain.path.exists()
    assert pack_count(repository) == 4
    assert readable(repository, b"kept", b"plain", b"git's", b"ours 0", b"ours 1")


def test_a_merged_pack_is_one_of_ours(repository: Repository) -> None:
    for number in range(2):
        add_blobs(repository.objects, b"%d" % number)
    merged(repository)
    (pack,) = repository.objects.own_packs
    assert pack.keep_path.read_bytes() == KEEP_MARK
    git("gc", "--quiet", "--prune=now", cwd=repository.directory)
    assert readable(repository, b"0", b"1")


def test_a_multi_pack_index_goes_with_the_packs_it_names(repository: Repository) -> None:
    contents = [b"weights %d" % number for number in range(4)]
    for content in contents:
        add_blobs(repository.objects, content)
    git("multi-pack-index", "write", cwd=repository.directory)
    assert len(merged(repository)) == 4
    for content in contents:
        oid = str(Oid.of(Kind.BLOB, content))
        assert git("cat-file", "blob", oid, cwd=repository.directory).encode() == content
    git("multi-pack-index", "write", cwd=repository.directory)
    git("multi-pack-index", "verify", cwd=repository.directory)
    fsck(repository)


def test_a_multi_pack_index_in_a_chain_of_files(repository: Repository) -> None:
    """As git 2.47 and later can write it."""
    chain = repository.common / "objects" / "pack" / "multi-pack-index.d"
    chain.mkdir(parents=True)
    for name in ("multi-pack-index-chain", f"multi-pack-index-{'1' * 40}.midx"):
        (chain / name).write_text("1" * 40)
    for number in range(2):
        add_blobs(repository.objects, b"%d" % number)
    assert len(merged(repository)) == 2
    assert not chain.exists()


@combinations.sample(2)
@pytest.mark.parametrize("call", range(1, 6))
def test_an_interruption_loses_nothing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """At each removal of a file: objects may be there twice, and the next merge mends that."""
    contents = [noise(100, seed=seed) for seed in range(3)]
    for content in contents:
        add_blobs(repository.objects, content)
    calls = iter(range(1, 100))
    unlink = os.unlink

    def failing(*arguments: object, **named: object) -> None:
        if next(calls) == call:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        unlink(*arguments, **named)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", failing)
        repository.maintain()
    assert next(calls) > call
    assert readable(repository, *contents)
    fsck(repository)
    fresh = Repository(repository.common)
    add_blobs(fresh.objects, b"next")
    fresh.maintain()
    assert readable(repository, *contents, b"next")
    fsck(repository)


@combinations.sample(2)
@pytest.mark.parametrize("step", ["_merge", "_forget_multi_pack_index", "_remove", "sync_directory"])
def test_a_crash_at_any_step_loses_nothing(repository: Repository, step: str) -> None:
    """A process that is killed there, without a chance to tidy up."""
    contents = [b"weights %d" % number for number in range(3)]
    for content in contents:
        add_blobs(repository.objects, content)
    script = f"""
        import os, signal
        from pathlib import Path
        from gitstore.objects import repack
        from gitstore.git.repository import Repository
        repack.{step} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
        Repository(Path({str(repository.common)!r})).maintain()
    """
    done = subprocess.run([stand_ins() / "python", "-Pc", textwrap.dedent(script)], check=False)
    assert done.returncode == -9
    assert readable(repository, *contents)
    fsck(repository)
    repository.maintain()
    assert pack_count(repository) == 1
    assert readable(repository, *contents)


def test_only_one_merges_at_a_time(repository: Repository) -> None:
    for number in range(3):
        add_blobs(repository.objects, b"%d" % number)
    with locks.upkeep(repository.private) as free:
        assert free
        assert merged(repository) == []
    assert len(merged(repository)) == 3


def test_many_write_merge_and_read_at_once(repository: Repository) -> None:
    """Each process reads all that it wrote, whatever pack it is in by now."""
    script = f"""
        import sys
        from pathlib import Path
        from gitstore.packs.oid import Kind, Oid
        from gitstore.git.repository import Repository
        from tests.support.packs import add_blobs
        repository = Repository(Path({str(repository.common)!r}))
        mine = []
        for number in range({ROUNDS}):
            mine.append(f"{{sys.argv[1]}} {{number}}".encode())
            add_blobs(repository.objects, mine[-1], b"same %d" % number)
            repository.maintain()
            for content in [*mine, b"same %d" % number]:
                assert repository.objects.read(Oid.of(Kind.BLOB, content)) == (Kind.BLOB, content)
    """
    command = [str(stand_ins() / "python"), "-Pc", textwrap.dedent(script)]
    root = Path(__file__).parents[2]
    started = [
        subprocess.Popen([*command, str(n)], cwd=root, stderr=subprocess.PIPE, text=True) for n in range(3)
    ]
    assert [process.communicate()[1] for process in started] == [""] * 3
    written = [b"%d %d" % (process, number) for process in range(3) for number in range(ROUNDS)]
    assert readable(repository, *written, *(b"same %d" % number for number in range(ROUNDS)))
    fsck(repository)


def test_a_damaged_pack_is_left_alone(repository: Repository) -> None:
    """Whoever reads it must learn of the damage; a copy of it would have a checksum that is right."""
    for number in range(3):
        add_blobs(repository.objects, noise(1000, seed=number))
    pack = repository.objects.own_packs[0]
    pack.path.chmod(0o644)
    with pack.path.open("r+b") as file:
        file.seek(500)
        file.write(b"damage")
    before = pack_names(repository.common / "objects")
    repository.maintain()
    assert pack_names(repository.common / "objects") == before


def test_nothing_to_merge(repository: Repository) -> None:
    assert merged(repository) == []
    add_blobs(repository.objects, b"one")
    assert merged(repository) == []
