"""docs/format.md, "Packs": stock git finds nothing to complain of in ours, and its upkeep loses nothing."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from gitstore.bigfiles import add as files
from gitstore.bigfiles import scan, stored
from gitstore.bigfiles.parts import LARGE
from gitstore.bigfiles.stat_cache import StatCache
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.objects import commit, tag
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.writer import Written
from tests.support import combinations
from tests.support.commands import fsck, git
from tests.support.content import MIB, noise
from tests.support.files import Tree, fetch, make, read
from tests.support.tensors import safetensors
from tests.support.weights import weights

WEIGHTS = noise(9 * MIB, seed=7)
TENSORS = {
    "float32": ("F32", [700, 1000], weights("float32", 700_000)),
    "bfloat16": ("BF16", [700, 1000], weights("bfloat16", 700_000)),
    "float16": ("F16", [100, 1000], weights("float16", 100_000)),
    "float64": ("F64", [50, 1000], weights("float64", 50_000)),
    "rows": ("F64", [40, 1000], noise(8000) * 40),
    "zeros": ("F32", [50, 1000], bytes(200_000)),
    "odd": ("F64", [8193], noise(8 * 8193)),
}
"""Each is deflated in another way: planes with and without matches, stored, in any order."""

FILES: Tree = {
    b"model.safetensors": WEIGHTS,
    b"tensors.safetensors": safetensors(TENSORS),
    b"tokenizer": {b"vocab.txt": b"a\nb\n" * 5000, b"empty": b""},
    b"caf\xc3\xa9 \xff": b"any name",
}


def tagged(repository: Repository, directory: Path, name: str) -> Written | None:
    """Store a directory under a tag, as a snapshot is stored."""
    identity = repository.identity()
    with repository.writer() as writer:
        oid = files.add_directory(scan.scan_directory(directory), writer, StatCache(directory / "no cache"))
        head = writer.add(Kind.COMMIT, commit.encode(oid, (), identity=identity, message=name))
        content = tag.encode(head, name, identity=identity, message=name, trailers={"Gitstore-Format": "1"})
        made = writer.add(Kind.TAG, content)
        written = writer.finish()
    repository.refs.change([RefChange(f"refs/tags/{name}", None, made)], name)
    repository.maintain()
    return written


def files_of(repository: Repository, name: str, target: Path) -> Tree:
    fresh = Repository(repository.common)
    oid = Oid.parse(git("rev-parse", f"{name}^{{tree}}", cwd=repository.directory).strip())
    return read(fetch(fresh, oid, target))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return make(tmp_path / "files", FILES)


@pytest.fixture
def snapshots(repository: Repository, directory: Path) -> Repository:
    """Two tags, of which the second differs in a region of the large file."""
    tagged(repository, directory, "v1")
    changed = WEIGHTS[: 4 * MIB] + noise(MIB, seed=8) + WEIGHTS[5 * MIB :]
    (directory / "model.safetensors").write_bytes(changed)
    tagged(repository, directory, "v2")
    return repository


def test_fsck_and_verify_pack_have_nothing_to_say(snapshots: Repository) -> None:
    fsck(snapshots)
    for pack in snapshots.objects.own_packs:
        git("verify-pack", str(pack.path), cwd=snapshots.directory)


def test_planes_are_deflated_and_stock_git_reads_them(snapshots: Repository, tmp_path: Path) -> None:
    """Each blob by cat-file, and all by index-pack, which makes the same index anew."""
    listed = git("ls-tree", "-r", "-l", "v1", "tensors.safetensors.planes/", cwd=snapshots.directory)
    rows = [line.split() for line in listed.splitlines()]
    assert {row[-1].partition(".planes/")[2][8:] for row in rows} >= {".2", ".4", ".8"}
    packed_size = 0
    for _, _, name, size, _ in rows:
        kind, content = snapshots.objects.read(Oid.parse(name), at_most=2 * MIB)
        command = ("git", "-C", str(snapshots.directory), "cat-file", "blob", name)
        assert subprocess.run(command, capture_output=True, check=True).stdout == content
        packed = snapshots.objects.find(Oid.parse(name))
        assert packed is not None and (kind, len(content)) == (Kind.BLOB, int(size))
        packed_size += packed.disk_size
    values = sum(len(values) for _, _, values in TENSORS.values())
    assert packed_size < 0.75 * values
    for pack in snapshots.objects.own_packs:
        copy = tmp_path / pack.path.name
        copy.write_bytes(pack.path.read_bytes())
        git("index-pack", "--strict", str(copy), cwd=snapshots.directory)
        assert copy.with_suffix(".idx").read_bytes() == pack.index.path.read_bytes()


def test_the_second_costs_what_changed(repository: Repository, directory: Path) -> None:
    tagged(repository, directory, "v1")
    with (directory / "model.safetensors").open("r+b") as file:
        file.seek(4 * MIB)
        file.write(b"changed")
    written = tagged(repository, directory, "v2")
    assert written is not None and written.size < 5 * MIB
    assert tagged(repository, directory, "v3") is not None  # a commit and a tag of another name


def test_a_clone_has_it_all(snapshots: Repository, tmp_path: Path) -> None:
    """And of a checkout, cat gives the files."""
    place = tmp_path / "clone"
    git("clone", "--quiet", "--no-local", "--no-checkout", str(snapshots.directory), "clone", cwd=tmp_path)
    clone = Repository.discover(place)
    fsck(clone)
    for name in ("v1", "v2"):
        assert files_of(clone, name, tmp_path / f"c-{name}") == files_of(
            snapshots, name, tmp_path / f"s-{name}"
        )
    git("checkout", "--quiet", "v1", cwd=place)
    parts = sorted((place / "model.safetensors.parts").iterdir())
    assert b"".join(part.read_bytes() for part in parts) == WEIGHTS
    assert git("status", "--porcelain", cwd=place) == ""


@combinations.sample(2)
@pytest.mark.parametrize(
    "upkeep",
    [
        ("gc", "--quiet", "--prune=now"),
        ("-c", "core.bigFileThreshold=1g", "repack", "-adfq", "--depth=50"),
        ("repack", "-adq", "--write-midx", "--write-bitmap-index"),
        ("prune", "--expire=now"),
        ("pack-refs", "--all"),
        *combinations.more(
            [
                (("gc", "--quiet", "--aggressive", "--prune=now"),),
                (("repack", "-adfq"),),
                (("multi-pack-index", "write", "--bitmap"),),
            ]
        ),
    ],
    ids=" ".join,
)
def test_upkeep_of_stock_git_loses_nothing(
    repository: Repository, tmp_path: Path, upkeep: tuple[str, ...]
) -> None:
    """Before, between and after our writes; with our packs kept, and without their mark."""
    contents = FILES | {b"model.safetensors": WEIGHTS[: LARGE + 1]}
    directory = make(tmp_path / "files", contents)
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=repository.directory)
    git("repack", "-adq", cwd=repository.directory)
    git(*upkeep, cwd=repository.directory)
    tagged(repository, directory, "v1")
    git(*upkeep, cwd=repository.directory)
    for path in (repository.common / "objects" / "pack").glob("*.keep"):
        path.unlink()
    git(*upkeep, cwd=repository.directory)
    make(directory, {b"more": b"more"})
    fresh = Repository(repository.common)
    tagged(fresh, directory, "v2")
    git(*upkeep, cwd=repository.directory)
    fsck(repository)
    assert files_of(repository, "v1", tmp_path / "v1") == contents
    assert files_of(repository, "v2", tmp_path / "v2") == contents | {b"more": b"more"}


def test_gc_does_not_take_what_a_write_is_about_to_use(repository: Repository, directory: Path) -> None:
    """An old object that nothing holds, found again by a write whose ref is not there yet."""
    blob = git("hash-object", "-w", "--stdin", cwd=repository.directory, stdin=b"any name").strip()
    path = repository.common / "objects" / blob[:2] / blob[2:]
    long_ago = time.time() - 100 * 24 * 3600
    os.utime(path, (long_ago, long_ago))
    with repository.writer() as writer:
        oid = files.add_directory(scan.scan_directory(directory), writer, StatCache(directory / "no cache"))
        writer.finish()
    git("gc", "--quiet", "--prune=1.hour.ago", cwd=repository.directory)
    repository.refs.change([RefChange("refs/gitstore/late", None, oid)], "late")
    fsck(repository)


def test_the_bytes_of_packs_are_those_that_stock_git_counts(repository: Repository, tmp_path: Path) -> None:
    """To the byte: `objectsize:disk` of all objects, and 32 bytes of frame for each pack."""
    for number in range(3):
        content: Tree = {b"w": noise(LARGE + 1, seed=number), b"same": b"same" * 1000, b"n": b"%d" % number}
        tagged(repository, make(tmp_path / f"{number}", content), f"v{number}")
    repository.objects.refresh()
    packs = repository.objects.own_packs
    counted = git(
        "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objectsize) %(objectsize:disk)",
        cwd=repository.directory,
    ).split()  # fmt: skip
    rows = list(zip(counted[::3], map(int, counted[1::3]), map(int, counted[2::3]), strict=True))
    assert sum(disk for _, _, disk in rows) + 32 * len(packs) == sum(pack.size for pack in packs)
    assert sum(pack.path.stat().st_size for pack in packs) == sum(pack.size for pack in packs)
    for name, size, disk in rows:
        packed = repository.objects.find(Oid.parse(name))
        assert packed is not None and packed.disk_size == disk
        assert repository.objects.size(Oid.parse(name)) == size


def test_stock_git_can_write_what_we_read(repository: Repository, directory: Path, tmp_path: Path) -> None:
    contents = FILES | {b"model.safetensors": WEIGHTS[: LARGE + 1]}
    make(repository.directory, contents)
    git("add", ".", cwd=repository.directory)
    git("commit", "--quiet", "-m", "plain", cwd=repository.directory)
    assert files_of(repository, "HEAD", tmp_path / "out") == contents
    root = repository.commit(Oid.parse(git("rev-parse", "HEAD", cwd=repository.directory).strip())).tree
    listed = stored.list_files(repository.objects, root, joined=True)
    assert {str(file.path) for file in listed} == {
        "model.safetensors", "tensors.safetensors", "tokenizer/vocab.txt", "tokenizer/empty", "café \udcff"
    }  # fmt: skip
