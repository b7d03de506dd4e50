from __future__ import annotations

import pytest

from gitstore.git.repository import Repository
from gitstore.objects import commit
from gitstore.objects.commit import Commit
from gitstore.packs.oid import Kind, Oid
from tests.support.commands import git

TREE = Oid.of(Kind.TREE, b"")


def test_a_commit_is_as_git_makes_it(repository: Repository) -> None:
    directory = repository.directory
    git("write-tree", cwd=directory)
    parents: list[Oid] = []
    for number in range(3):
        arguments = [argument for parent in parents for argument in ("-p", str(parent))]
        message = f"State {number}\n\nof größe"
        theirs = git(
            "commit-tree", str(TREE), *arguments, cwd=directory, stdin=f"{message}\n".encode()
        ).strip()
        content = commit.encode(TREE, parents, identity=repository.identity(), message=message)
        assert content.decode() == git("cat-file", "commit", theirs, cwd=directory)
        assert str(Oid.of(Kind.COMMIT, content)) == theirs
        assert commit.parse(content) == Commit(TREE, tuple(parents))
        parents.append(Oid.parse(theirs))


def test_only_the_header_counts() -> None:
    signed = (
        f"tree {TREE}\nauthor a <a@b> 0 +0000\ncommitter a <a@b> 0 +0000\n"
        f"gpgsig -----BEGIN PGP SIGNATURE-----\n parent {TREE}\n tree x\n\nm\n\nparent x\ntree y\n"
    )
    assert commit.parse(signed.encode()) == Commit(TREE, ())


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"tree 123\n",
        b"tree 1234\n",
        b"tree \xff\n",
        f"tree {TREE}".encode(),
        f"parent {TREE}\ntree {TREE}\n".encode(),
        f"tree {TREE}\nparent x\n".encode(),
        f"tree {TREE}\nparent {TREE}\nparent {TREE}x\n".encode(),
    ],
)
def test_a_malformed_commit(content: bytes) -> None:
    with pytest.raises(ValueError, match="it does not begin with a tree and its parents"):
        commit.parse(content)
