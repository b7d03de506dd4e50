"""The kinds of a repository's objects are what git says, and unknown if git cannot say."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from gitstore.packs.oid import Kind, Oid
from gitstore.store.front.stored_kinds import StoredKinds
from tests.support import crafting
from tests.support.commands import Git


def test_each_kind(tmp_path: Path, git: Git) -> None:
    bare = crafting.make_bare(tmp_path)
    names = {Kind.TAG: "v1", Kind.COMMIT: "v1^{commit}", Kind.TREE: "v1:", Kind.BLOB: "v1:settings.yaml"}
    with closing(StoredKinds(bare, os.environ)) as kinds:
        for kind, name in names.items():
            assert kinds.find(Oid.parse(git("rev-parse", name, cwd=bare).strip())) is kind
        assert kinds.find(Oid(b"\1" * 20)) is None


def test_after_the_end(tmp_path: Path, git: Git) -> None:
    bare = crafting.make_bare(tmp_path)
    oid = Oid.parse(git("rev-parse", "v1", cwd=bare).strip())
    kinds = StoredKinds(bare, os.environ)
    assert kinds.find(oid) is Kind.TAG
    kinds.close()
    kinds.close()
    assert kinds.find(oid) is None


def test_a_git_that_ended(tmp_path: Path) -> None:
    with closing(StoredKinds(tmp_path / "nothing", os.environ)) as kinds:
        assert [kinds.find(Oid(bytes([at]) * 20)) for at in range(3)] == [None] * 3
