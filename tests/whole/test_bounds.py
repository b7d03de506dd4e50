"""Hostile repositories: what is too large, too deep or too many is refused before memory is taken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.bigfiles import parts, stored
from gitstore.diff import diff
from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.objects import tree
from gitstore.objects.database import TooLarge
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs import limits
from gitstore.packs.compression import deflate
from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.writer import PackWriter
from gitstore.snapshots import export, verify
from tests.support import combinations
from tests.support.commands import Git, Run
from tests.support.content import MIB, noise
from tests.support.failing import refuses
from tests.support.forging import TIB, add, claim, directory, forge, little_memory
from tests.support.models import again, put, take


@pytest.fixture
def v1(model: Model) -> Snapshot:
    put(model, "initial", {"w.bin": b"weights"})
    return take(model, "v1")


@pytest.mark.parametrize(
    ("kind", "limit"),
    [
        (Kind.TAG, limits.TAG),
        (Kind.COMMIT, limits.COMMIT),
        (Kind.TREE, limits.TREE),
        (Kind.BLOB, limits.PART),
    ],
)
def test_an_object_that_says_it_is_too_large(repository: Repository, kind: Kind, limit: int) -> None:
    oid = claim(repository, kind, limit + 1)
    with refuses(oid, f"{limit + 1:,}", f"{limit:,}", kind=TooLarge):
        repository.objects.read(oid)
    assert repository.objects.header(oid) == (kind, limit + 1)


def test_a_loose_object_that_is_too_large(repository: Repository, git: Git) -> None:
    words = ("hash-object", "-w", "--stdin")
    oid = Oid.parse(git(*words, cwd=repository.directory, stdin=bytes(32 * MIB)).strip())
    with little_memory(8 * MIB):
        with pytest.raises(TooLarge):
            repository.objects.read(oid)
        assert repository.objects.header(oid) == (Kind.BLOB, 32 * MIB)
        repository.objects.check(oid)


def test_a_delta_of_something_large(
    repository: Repository, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read may be small, and all that it builds on large."""
    base = noise(100_000)
    contents = [base, base[:60_000] + b"changed" + base[60_000:], base[:50_000]]
    words = ("hash-object", "-w", "--stdin")
    oids = [Oid.parse(git(*words, cwd=repository.directory, stdin=each).strip()) for each in contents]
    pack = str(repository.common / "objects" / "pack" / "pack")
    lines = "".join(f"{oid}\n" for oid in oids).encode()
    for offsets in ((), ("--delta-base-offset",)):
        git("pack-objects", "--quiet", *offsets, pack, cwd=repository.directory, stdin=lines)
        git("prune-packed", cwd=repository.directory)
        objects = Repository(repository.common).objects
        for oid, content in zip(oids, contents, strict=True):
            assert objects.read(oid) == (Kind.BLOB, content)
            assert objects.header(oid) == (Kind.BLOB, len(content))
            assert b"".join(objects.read_pieces(oid)) == content
        deltas = [
            oid
            for oid in oids
            if (packed := objects.find(oid)) and not packed.pack.header(packed.position).kind
        ]
        assert deltas
        with monkeypatch.context() as patch:
            patch.setattr(limits, "IN_MEMORY", 90_000)
            with refuses(deltas[0], "delta", "100,", kind=TooLarge):
                objects.read(deltas[0])
        for path in (repository.common / "objects" / "pack").iterdir():
            path.unlink()
        for each in contents:
            git(*words, cwd=repository.directory, stdin=each)


def test_a_delta_that_says_it_is_large_itself(repository: Repository) -> None:
    """What it makes may be small: the instructions are inflated first."""
    base, content = Oid.of(Kind.BLOB, b"base"), b"result"
    delta = bytes([4, len(content), len(content)]) + content
    with PackWriter(repository.common / "objects" / "pack") as writer:
        writer.append(base, entry_header(Kind.BLOB, 4) + deflate(b"base"))
        start = entry_header(7, limits.IN_MEMORY + 1) + base  # type: ignore[arg-type]
        writer.append(Oid.of(Kind.BLOB, content), start + deflate(delta))
        writer.finish()
    repository.objects.refresh()
    with refuses(Oid.of(Kind.BLOB, content), "delta", f"{limits.IN_MEMORY + 1:,}", kind=TooLarge):
        repository.objects.read(Oid.of(Kind.BLOB, content))


@pytest.mark.parametrize("where", ["code", "states/initial"])
def test_more_files_on_disk_than_can_be_read_back(
    model: Model, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    monkeypatch.setattr(limits, "PATHS", 10)
    folder = model.directory / where / "folder"
    folder.mkdir()
    for number in range(10 - len(list(folder.parent.iterdir()))):
        (folder / str(number)).touch()
    v1 = take(model, "v1")
    stored.check_paths(v1.repository.objects, v1.code_tree, joined=False)
    stored.check_paths(v1.repository.objects, v1.state_tree, joined=True)
    (folder / "more").touch()
    with refuses(model.directory / where, "over 10 "):
        take(model, "v2")


def test_what_could_not_be_read_back_is_not_written(
    model: Model, monkeypatch: pytest.MonkeyPatch, run: Run
) -> None:
    for number in range(40):
        (model.directory / "states" / "initial" / str(number)).touch()
    with monkeypatch.context() as patch:
        patch.setitem(limits._INNER, Kind.TREE, 1000)
        done = run("snapshot", "v1", cwd=model.directory)
    assert (done.code, "states/initial: its tree object would have" in done.stderr) == (1, True), done
    with refuses("tag object"):
        take(model, "v1", message="x" * limits.TAG)
    assert again(model).repository.refs.get("refs/tags/v1") is None


def test_a_large_file_of_code_is_streamed(model: Model, v1: Snapshot, tmp_path: Path) -> None:
    blob = add(v1.repository, Kind.BLOB, bytes(48 * MIB))
    v2 = forge(model, "v2", code=directory(v1.repository, {"large": (Mode.FILE, blob)}))
    with little_memory(24 * MIB):
        export.export(v2, tmp_path / "out")
        report = verify.verify(v2.repository, [(v2.ref, v2.tag_oid)])
    assert report.problems == ()
    assert (tmp_path / "out" / "code" / "large").stat().st_size == 48 * MIB


def test_a_large_object_that_is_damaged(repository: Repository) -> None:
    oid = claim(repository, Kind.BLOB, 8 * MIB, bytes(8 * MIB - 1))
    with pytest.raises(Corrupt):
        repository.objects.check(oid)


def exploding(repository: Repository) -> Oid:
    """Twelve trees that have 10^12 paths."""
    oid = directory(repository, {"file": (Mode.FILE, add(repository, Kind.BLOB, b"x"))})
    for _ in range(12):
        oid = directory(repository, {f"d{number}": (Mode.TREE, oid) for number in range(10)})
    return oid


def deep(repository: Repository) -> Oid:
    oid = add(repository, Kind.TREE, b"")
    with repository.writer() as writer:
        for _ in range(1500):  # deeper than Python's stack
            oid = writer.add(Kind.TREE, tree.encode([TreeEntry(Mode.TREE, b"d", oid)]))
        writer.finish()
    return oid


@combinations.sample(3)
@pytest.mark.parametrize("where", ["code", "state"])
@pytest.mark.parametrize(
    ("bomb", "why"),
    [(exploding, "paths, where at most 1,000,000 are read"), (deep, "more than 256 directories deep")],
)
def test_a_tree_that_explodes(
    model: Model,
    v1: Snapshot,
    run: Run,
    tmp_path: Path,
    where: str,
    bomb: Callable[[Repository], Oid],
    why: str,
) -> None:
    made = forge(model, "v2", **{where: bomb(v1.repository)})
    for words in (
        ["show", "v2"],
        ["export", "v2", str(tmp_path / "out")],
        ["evaluate", "v2", "-p", "values=[1.0]"],
        ["diff", "v1", "v2"],
    ):
        done = run(*words, cwd=model.directory)
        assert (done.code, why in done.stderr, len(done.stderr.splitlines()) <= 2) == (12, True, True), done
    (problem,) = verify.verify(made.repository, [(made.ref, made.tag_oid)]).problems
    assert why in problem.message
    assert run("list", cwd=model.directory).code in (0, 12)


def test_settings_that_are_too_large(model: Model, v1: Snapshot, run: Run) -> None:
    forge(model, "v2", settings=claim(v1.repository, Kind.BLOB, 4 * TIB))
    for command, why in (("show", "settings.yaml of v2 cannot be read"), ("verify", "(settings.yaml)")):
        done = run(command, "v2", cwd=model.directory)
        assert (done.code, why in done.stderr) == (12, True), done


def test_a_part_that_says_it_has_4_tib(model: Model, v1: Snapshot, tmp_path: Path) -> None:
    part = (Mode.FILE, claim(v1.repository, Kind.BLOB, 4 * TIB))
    held = directory(v1.repository, {parts.part_name(0).decode(): part, parts.part_name(1).decode(): part})
    v2 = forge(model, "v2", state=directory(v1.repository, {"w.parts": (Mode.TREE, held)}))
    with refuses("part", f"{4 * TIB:,}", kind=TooLarge):
        export.export(v2, tmp_path / "out")
    assert list(tmp_path.glob("out*")) == []


def test_a_link_with_a_long_target(model: Model, v1: Snapshot, tmp_path: Path) -> None:
    target = add(v1.repository, Kind.BLOB, b"d/" * 3000)
    v2 = forge(model, "v2", code=directory(v1.repository, {"link": (Mode.LINK, target)}))
    with refuses(target, "6,000", "4,096", kind=TooLarge):
        diff.compare(v1, v2)
        export.export(v2, tmp_path / "out")
