from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.objects.paths import find_entry, find_tree
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid
from tests.support.commands import git


@pytest.fixture
def top(repository: Repository) -> Oid:
    """A tree with code/deep/model.py and README."""
    directory = repository.directory
    (directory / "code" / "deep").mkdir(parents=True)
    (directory / "code" / "deep" / "model.py").write_bytes(b"pass\n")
    (directory / "README").write_bytes(b"text\n")
    git("add", "code", "README", cwd=directory)
    return Oid.parse(git("write-tree", cwd=directory).strip())


def test_entries_are_found_as_git_finds_them(repository: Repository, top: Oid) -> None:
    for path in ("code", "code/deep", "code/deep/model.py", "README"):
        entry = find_entry(repository.objects, top, PurePosixPath(path))
        assert entry is not None
        assert str(entry.oid) == git("rev-parse", f"{top}:{path}", cwd=repository.directory).strip()
        assert entry.is_tree is (path in ("code", "code/deep"))
        assert entry.name == PurePosixPath(path).name.encode()


def test_the_empty_path_is_the_tree_itself(repository: Repository, top: Oid) -> None:
    entry = find_entry(repository.objects, top, PurePosixPath())
    assert entry == (Mode.TREE, b"", top)
    assert find_tree(repository.objects, top, PurePosixPath()) == top


def test_nothing_is_found_below_a_file_or_where_nothing_is(repository: Repository, top: Oid) -> None:
    for path in ("README/x", "code/deep/model.py/x/y", "nothing", "code/nothing", "nothing/x"):
        assert find_entry(repository.objects, top, PurePosixPath(path)) is None
        assert find_tree(repository.objects, top, PurePosixPath(path)) is None


def test_a_tree_is_found_only_where_a_directory_is(repository: Repository, top: Oid) -> None:
    assert find_tree(repository.objects, top, PurePosixPath("README")) is None
    deep = find_tree(repository.objects, top, PurePosixPath("code/deep"))
    assert str(deep) == git("rev-parse", f"{top}:code/deep", cwd=repository.directory).strip()


def test_what_is_no_tree_is_corrupt(repository: Repository, top: Oid) -> None:
    blob = find_entry(repository.objects, top, PurePosixPath("README"))
    assert blob is not None
    assert repository.objects.read_as(Kind.BLOB, blob.oid) == b"text\n"
    with pytest.raises(Corrupt):
        find_entry(repository.objects, blob.oid, PurePosixPath("x"))
