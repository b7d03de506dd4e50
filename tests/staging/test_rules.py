"""Code that is committed, taken in a bare repository: what `git fsck` complains of is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.packs.oid import Kind
from gitstore.states.save import save_state
from tests.support.commands import Fsck, Git
from tests.support.failing import refuses
from tests.support.models import again, take
from tests.support.packs import add_loose

Entries = dict[bytes, tuple[bytes, bytes]]
"""Of a directory by name: modes, as they are written, and what is in the files."""


class Bare:
    """A bare repository, in which anything can be committed as code."""

    def __init__(self, directory: Path, git: Git) -> None:
        self.directory, self._git, self._repository = directory, git, Repository(directory)

    def write(self, kind: Kind, content: bytes) -> bytes:
        return add_loose(self._repository, kind, content)

    def tree(self, entries: Entries) -> bytes:
        lines = (
            b"%s %s\0%s"
            % (mode, name, content if mode.endswith(b"40000") else self.write(Kind.BLOB, content))
            for name, (mode, content) in sorted(entries.items())
        )
        return self.write(Kind.TREE, b"".join(lines))

    def commit(self, entries: Entries) -> None:
        """Put a commit on the branch in which code/ has the entries, and those in sub/ as well."""
        sub = self.tree(entries)
        code = self.tree({b"model.py": (b"100644", b"pass\n"), b"sub": (b"40000", sub)})
        settings = self._git("show", "HEAD:settings.yaml", cwd=self.directory).encode()
        top = self.tree({b"code": (b"40000", code), b"settings.yaml": (b"100644", settings)})
        oid = self._git("commit-tree", "-m", "odd", top.hex(), cwd=self.directory).strip()
        self._git("update-ref", "HEAD", oid, cwd=self.directory)


@pytest.fixture
def bare(model: Model, git: Git, tmp_path: Path) -> Bare:
    save_state(model, "initial")
    git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
    return Bare(tmp_path / "b.git", git)


def test_what_git_takes_is_taken(bare: Bare, fsck: Fsck) -> None:
    bare.commit({b".gitattributes": (b"100644", b"* -text\n"), b"run": (b"100755", b"#!/bin/sh\n")})
    take(Model.open(bare.directory), "v1")
    fsck(bare.directory)


REFUSED: list[tuple[Entries, str]] = [
    ({b"a.py": (b"100664", b"x")}, "its tree has a mode that git does not write"),
    ({b"a.py": (b"0100644", b"x")}, "its tree has a mode that git does not write"),
    ({b".gitattributes": (b"100644", b"x" * 2048)}, "the line has 2048 bytes"),
    ({b".gitattributes": (b"120000", b"model.py")}, "is a link, which git does not follow"),
    ({b".mailmap": (b"120000", b"model.py")}, "is a link, which git does not follow"),
    ({b".gitmodules": (b"100644", b"x")}, "is a name that git uses for submodules"),
    ({b".GIT": (b"100644", b"x")}, "is a name that git reserves"),
    ({b"..": (b"100644", b"x")}, "is not a file name"),
    ({b"a/b": (b"100644", b"x")}, "it has 'a/b', which is not a file name"),
    ({b"n" * 300: (b"100644", b"x")}, "is longer than 255 bytes"),
    ({b"m": (b"160000", b"x")}, "is neither file, link nor directory"),
    ({b"out": (b"120000", b"../../settings.yaml")}, "outside"),
]


def test_what_git_refuses_is_refused(bare: Bare) -> None:
    for entry, said in REFUSED:
        bare.commit(entry)
        with pytest.raises(GitstoreError, match=said):
            take(Model.open(bare.directory), "v1")


def test_a_directory_called_like_attributes(bare: Bare) -> None:
    inner = bare.tree({b"a.py": (b"100644", b"x")})
    bare.commit({b".gitattributes": (b"40000", inner)})
    with refuses("'.gitattributes'"):
        take(Model.open(bare.directory), "v1")


def test_what_a_sparse_checkout_leaves_out(model: Model, git: Git) -> None:
    here = model.directory
    (here / "code" / "far").mkdir()
    (here / "code" / "far" / ".gitattributes").write_text("x" * 2048)
    git("add", "--all", cwd=here)
    git("commit", "--quiet", "-m", "far", cwd=here)
    git("sparse-checkout", "set", "--no-cone", "/*", "!/code/far/", cwd=here)
    assert not (here / "code" / "far").exists()
    with refuses(2048):
        take(again(model), "v1")
