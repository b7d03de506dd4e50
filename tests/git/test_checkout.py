"""Whether git has checked out a tree as it is stored."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.bigfiles.stored import list_entries
from gitstore.errors import GitstoreError
from gitstore.git import checkout
from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid
from tests.support.commands import Git


@pytest.fixture
def tree(repository: Repository, git: Git) -> Oid:
    """Files of all kinds, checked out in `repository`; one with line ends that git converts."""
    here = repository.directory
    (here / "sub").mkdir()
    (here / ".gitattributes").write_text("*.txt eol=crlf\n")
    (here / "sub" / "a.txt").write_bytes(b"one\r\ntwo\r\n")
    (here / "run.sh").write_text("#!/bin/sh\n")
    (here / "run.sh").chmod(0o755)
    (here / "link").symlink_to("sub/a.txt")
    git("add", "--all", cwd=here)
    return Oid.parse(git("write-tree", cwd=here).strip())


def test_a_complete_one(repository: Repository, tree: Oid) -> None:
    (repository.directory / "beside").touch()
    checkout.check_complete(repository, list_entries(repository.objects, tree), repository.directory)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [
        ("sub/a.txt", Path.unlink),
        ("sub/a.txt", lambda path: path.write_bytes(b"one\r\n")),
        ("run.sh", lambda path: path.chmod(0o644)),
        ("link", lambda path: (path.unlink(), path.symlink_to("run.sh"))),
        ("link", lambda path: (path.unlink(), path.write_text("sub/a.txt"))),
    ],
    ids=["missing", "cut short", "not executable", "another link", "a file for a link"],
)
def test_what_is_missing_or_other_is_named(
    repository: Repository, tree: Oid, name: str, spoil: Callable[[Path], object]
) -> None:
    spoil(repository.directory / name)
    with pytest.raises(GitstoreError, match=rf"^git has not written {name} as stored$"):
        checkout.check_complete(repository, list_entries(repository.objects, tree), repository.directory)
