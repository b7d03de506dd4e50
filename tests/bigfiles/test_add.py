from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings

from gitstore.bigfiles import add as files
from gitstore.bigfiles import stored
from gitstore.bigfiles.hash import hash_directory
from gitstore.bigfiles.parts import LARGE, StateEntry
from gitstore.bigfiles.scan import scan_directory
from gitstore.bigfiles.stat_cache import Stamp, StatCache
from gitstore.errors import FileChanged
from gitstore.git.repository import Repository
from gitstore.packs.oid import Kind, Oid
from tests.support import combinations
from tests.support.commands import fsck, git
from tests.support.content import MIB, noise
from tests.support.examples import examples
from tests.support.failing import refuses
from tests.support.files import Tree, fetch, make, read, store, trees
from tests.support.packs import pack_names
from tests.support.users import require_permissions


def without_empty(tree: Tree) -> Tree:
    found = {name: without_empty(each) if isinstance(each, dict) else each for name, each in tree.items()}
    return {name: each for name, each in found.items() if each != {}}


@settings(max_examples=examples(10))
@given(trees)
def test_what_is_stored_comes_back(tmp_path_factory: pytest.TempPathFactory, tree: Tree) -> None:
    directory = tmp_path_factory.mktemp("files")
    repository = Repository.create(directory / "repository")
    oid = store(repository, make(directory / "from", tree))
    assert read(fetch(repository, oid, directory / "to")) == without_empty(tree)
    git("update-ref", "refs/gitstore/files", str(oid), cwd=repository.directory)
    fsck(repository)


@pytest.mark.parametrize("size", [0, 1, LARGE - 1, LARGE, LARGE + 1, 9 * MIB + 5])
def test_files_around_the_size_of_parts(repository: Repository, tmp_path: Path, size: int) -> None:
    content = noise(size)
    oid = store(repository, make(tmp_path / "from", {b"weights.bin": content}))
    name = git("ls-tree", "--name-only", str(oid), cwd=repository.directory).strip()
    assert name == ("weights.bin" if size < LARGE else "weights.bin.parts")
    assert fetch(repository, oid, tmp_path / "to").joinpath("weights.bin").read_bytes() == content


def test_stock_git_joins_the_parts_with_cat(repository: Repository, tmp_path: Path) -> None:
    content = noise(12 * MIB)
    oid = store(repository, make(tmp_path / "from", {b"weights": content}))
    git("read-tree", str(oid), cwd=repository.directory)
    git("checkout-index", "--all", cwd=repository.directory)
    joined = sorted(repository.directory.glob("weights.parts/*"))
    assert len(joined) > 2
    assert b"".join(part.read_bytes() for part in joined) == content


def test_links_are_followed_and_modes_are_one(repository: Repository, tmp_path: Path) -> None:
    cache = make(tmp_path / "cache", {b"blob": b"weights", b"folder": {b"deep": b"er"}})
    state = make(tmp_path / "state", {b"script": b"#!"})
    (state / "script").chmod(0o755)
    (state / "model.bin").symlink_to(cache / "blob")
    (state / "again").symlink_to("model.bin")
    (state / "folder").symlink_to(cache / "folder")
    oid = store(repository, state)
    assert read(fetch(repository, oid, tmp_path / "to")) == {
        b"script": b"#!", b"model.bin": b"weights", b"again": b"weights", b"folder": {b"deep": b"er"}
    }  # fmt: skip
    lines = git("ls-tree", "-r", str(oid), cwd=repository.directory).splitlines()
    assert {line.split()[0] for line in lines} == {"100644"}


def test_the_same_content_is_stored_once(repository: Repository, tmp_path: Path) -> None:
    weights = noise(5 * MIB)
    state = make(tmp_path / "state", {b"a": weights, b"b": weights, b"c": {b"a": weights}})
    store(repository, state)
    (pack,) = repository.objects.own_packs
    assert pack.size < 5.1 * MIB


def test_a_file_that_may_not_be_read(repository: Repository, tmp_path: Path) -> None:
    require_permissions()
    state = make(tmp_path / "state", {b"secret": b"x"})
    (state / "secret").chmod(0)
    with refuses(f"{state}/secret", os.strerror(errno.EACCES)):
        store(repository, state)


# Files that change


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"!")


def _truncate(path: Path) -> None:
    os.truncate(path, 100)


def _set_back(path: Path) -> None:
    """Written in place, and its time set back to what it was, as some tools do."""
    status = path.stat()
    _overwrite(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _replace(path: Path) -> None:
    """What is open stays what it was; but that it is no longer `path` is a change too."""
    path.with_name("new").write_bytes(b"new")
    path.with_name("new").replace(path)


@combinations.sample(3)
@pytest.mark.parametrize("size", [1000, 6 * MIB])
@pytest.mark.parametrize("change", [_append, _overwrite, _truncate, _set_back, _replace])
def test_a_file_that_changes_while_it_is_read(
    repository: Repository, tmp_path: Path, change: Callable[[Path], None], size: int
) -> None:
    """`progress` hears of each part when it is read, so the change comes in the middle."""
    state = make(tmp_path / "state", {b"w": noise(size)})
    calls: list[int] = []

    def progress(_: int) -> None:
        if not calls:
            change(state / "w")
        calls.append(_)

    cache = repository.stat_cache()
    error = refuses(f"{state}/w", kind=FileChanged)
    with error, repository.writer() as writer:
        files.add_directory(scan_directory(state), writer, cache, progress=progress)
    assert pack_names(repository.common / "objects") == []
    assert cache.get(Stamp.of((state / "w").stat())) is None


def test_a_file_that_is_gone_when_its_turn_comes(repository: Repository, tmp_path: Path) -> None:
    state = make(tmp_path / "state", {b"w": b"x"})
    listing = scan_directory(state)
    (state / "w").unlink()
    with refuses(f"{state}/w", kind=FileChanged), repository.writer() as writer:
        files.add_directory(listing, writer, repository.stat_cache())


# Files that do not change


def test_an_unchanged_file_is_not_read_again(repository: Repository, tmp_path: Path) -> None:
    """The cache is made to lie: who gives its answer has not looked at the file."""
    state = make(tmp_path / "state", {b"w": b"weights", b"large": noise(5 * MIB)})
    cache = repository.stat_cache()
    first = store(repository, state, cache)
    assert store(repository, state, cache) == first
    with repository.writer() as writer:
        other = writer.add(Kind.BLOB, b"another")
        writer.finish()
    cache.put(Stamp.of((state / "w").stat()), StateEntry(other, b""))
    lie = store(repository, state, cache)
    assert git("show", f"{lie}:w", cwd=repository.directory) == "another"


def test_a_known_file_is_read_if_the_repository_lacks_it(repository: Repository, tmp_path: Path) -> None:
    large = noise(5 * MIB)
    state = make(tmp_path / "state", {b"w": b"weights", b"large": large})
    cache = repository.stat_cache()
    oid = store(repository, state, cache)
    other = Repository.create(tmp_path / "other")
    assert store(other, state, cache) == oid
    assert read(fetch(other, oid, tmp_path / "to")) == {b"w": b"weights", b"large": large}


def test_a_known_file_is_read_if_one_of_its_parts_is_missing(repository: Repository, tmp_path: Path) -> None:
    state = make(tmp_path / "state", {b"large": noise(5 * MIB)})
    cache = repository.stat_cache()
    oid = hash_directory(scan_directory(state), repository.objects, cache).tree
    listing = scan_directory(state)
    with repository.writer() as writer:  # the tree of the parts, without the parts
        entry = cache.get(next(listing.walk()).stamp)
        assert entry is not None
        with Repository.create(tmp_path / "full").writer() as full:
            files.add_directory(listing, full, StatCache(tmp_path / "nowhere"))
            full.finish()
        writer.add(Kind.TREE, full.database.read_as(Kind.TREE, entry.oid))
        writer.finish()
    assert store(repository, state, cache) == oid
    assert len(read(fetch(repository, oid, tmp_path / "to"))) == 1


def test_finding_out_an_id_twice(repository: Repository, tmp_path: Path) -> None:
    """What only a hasher has seen is in the cache, but not in the repository."""
    state = make(tmp_path / "state", {b"w": b"weights", b"large": noise(5 * MIB)})
    cache = repository.stat_cache()
    found = []
    for _ in range(2):
        found.append(hash_directory(scan_directory(state), repository.objects, cache).tree)
    assert found == [store(repository, state, cache)] * 2


def test_a_file_written_in_the_same_tick_is_not_taken_for_unchanged(
    repository: Repository, tmp_path: Path
) -> None:
    """Written, stored and written again as fast as we can, with the same size: racy, as git calls it."""
    state = make(tmp_path / "state", {b"w": b"0000"})
    cache = repository.stat_cache()
    for number in range(200):
        content = b"%04d" % number
        with (state / "w").open("r+b") as file:
            file.write(content)
        oid = hash_directory(scan_directory(state), repository.objects, cache).tree
        assert oid == Oid.of(Kind.TREE, b"100644 w\0" + Oid.of(Kind.BLOB, content)), number


def test_a_file_from_the_future_is_stored_but_not_trusted(repository: Repository, tmp_path: Path) -> None:
    state = make(tmp_path / "state", {b"w": b"weights"})
    later = time.time() + 3600
    os.utime(state / "w", (later, later))
    cache = repository.stat_cache()
    store(repository, state, cache)
    assert cache.get(Stamp.of((state / "w").stat())) is None


def test_progress_hears_of_every_byte(repository: Repository, tmp_path: Path) -> None:
    state = make(tmp_path / "state", {b"w": b"weights", b"large": noise(5 * MIB)})
    cache = repository.stat_cache()
    for _ in range(2):
        heard: list[int] = []
        with repository.writer() as writer:
            files.add_directory(scan_directory(state), writer, cache, progress=heard.append)
            writer.finish()
        assert sum(heard) == scan_directory(state).size == 5 * MIB + 7


def test_what_we_write_ourselves_is_remembered(repository: Repository, tmp_path: Path) -> None:
    state = make(tmp_path / "state", {b"w": b"weights", b"large": noise(5 * MIB)})
    oid = store(repository, state)
    found = list(stored.list_files(repository.objects, oid, joined=True))
    target, cache = fetch(repository, oid, tmp_path / "to"), repository.stat_cache()
    files.remember(target, found, cache)
    for file in found:
        entry = cache.get(Stamp.of((target / file.path).stat()))
        assert entry == (file.entry, b".parts" if file.is_in_parts else b"")
    assert store(repository, target, cache) == oid
    with (target / "w").open("r+b") as file_on_disk:
        file_on_disk.write(b"W")  # at once, as a training run might
    assert store(repository, target, cache) != oid


def test_what_others_stored_otherwise_is_read(repository: Repository, tmp_path: Path) -> None:
    """A small file in parts, and a large one in one blob: ours would not be stored so."""
    state = make(tmp_path / "state", {b"small": b"x", b"large": noise(5 * MIB)})
    small = git("hash-object", "-w", "--stdin", cwd=repository.directory, stdin=b"x").strip()
    whole = git("hash-object", "-w", "--stdin", cwd=repository.directory, stdin=noise(5 * MIB)).strip()
    inner = git("mktree", cwd=repository.directory, stdin=f"100644 blob {small}\t00000000\n".encode()).strip()
    lines = f"100644 blob {whole}\tlarge\n040000 tree {inner}\tsmall.parts\n"
    foreign = Oid.parse(git("mktree", cwd=repository.directory, stdin=lines.encode()).strip())
    target, cache = fetch(repository, foreign, tmp_path / "to"), repository.stat_cache()
    files.remember(target, stored.list_files(repository.objects, foreign, joined=True), cache)
    assert store(repository, target, cache) == store(repository, state)


@pytest.mark.parametrize("content", [b"*.bin filter=lfs\n*.txt text eol=crlf\n", b"", b"a" * 3000])
def test_attributes_in_a_state_are_kept_and_not_obeyed(
    repository: Repository, tmp_path: Path, content: bytes
) -> None:
    """Models from the hub have them: they would make a stock checkout dirty, or git fsck complain."""
    git("config", "filter.lfs.clean", "tr a-z A-Z", cwd=repository.directory)
    tree: Tree = {
        b".gitattributes": content,
        b"w.bin": b"abc",
        b"a.txt": b"1\n",
        b"d": {b".GitAttributes": b"x"},
    }
    source = make(tmp_path / "from", tree)
    os.link(source / ".gitattributes", source / "other")  # the same file, stored otherwise
    cache = StatCache(tmp_path / "cache")
    oid = store(repository, source, cache)
    assert store(repository, source, cache) == oid
    assert read(fetch(repository, oid, tmp_path / "to")) == tree | {b"other": content}
    commit = git("commit-tree", "-m", "m", str(oid), cwd=repository.directory).strip()
    git("checkout", "--quiet", commit, cwd=repository.directory)
    git("reset", "--quiet", "--hard", cwd=repository.directory)
    assert git("status", "--porcelain", cwd=repository.directory) == ""
    assert (repository.directory / "a.txt").read_bytes() == b"1\n"
    fsck(repository)
