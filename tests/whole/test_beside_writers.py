"""Readers beside removals: what was removed and collected since it was listed is no corruption."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.git.refs import RefListing, Refs
from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Git, Gitstore, Run
from tests.support.models import take


@pytest.mark.parametrize("command", [("list",), ("usage",), ("verify",), ("verify", "--all")], ids=" ".join)
def test_a_snapshot_that_goes_after_the_refs_were_listed(
    tmp_path: Path, run: Run, gitstore: Gitstore, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Another process removes it, and collects, at the worst instant."""
    look, here = Refs.list_below, scenes.snapshot(tmp_path, "v1", "v2").repository.directory

    def look_then_lose(self: Refs, prefix: str) -> RefListing:
        found = look(self, prefix)
        monkeypatch.setattr(Refs, "list_below", look)
        for words in (["rm", "--yes", "v2"], ["gc"]):
            assert gitstore(*words, cwd=here).code == 0
        return found

    monkeypatch.setattr(Refs, "list_below", look_then_lose)
    done = run(*command, cwd=here)
    assert done.code == 0, done.stderr
    assert "v2" not in done.stdout + done.stderr
    assert "v1" in done.stdout + done.stderr


def test_snapshots_do_not_need_the_branch_head(model: Model, run: Run, git: Git, tmp_path: Path) -> None:
    """Its tree is missing; git itself goes on with tags, too."""
    take(model, "v1")
    (model.directory / "code" / "model.py").write_text("# later\n")
    git("commit", "--quiet", "--all", "-m", "later", cwd=model.directory)
    tree = git("rev-parse", "HEAD^{tree}", cwd=model.directory).strip()
    (model.repository.common / "objects" / tree[:2] / tree[2:]).unlink()
    for command in (
        ["list"], ["show", "v1"], ["verify", "v1"], ["verify"], ["export", "v1", str(tmp_path / "out")],
        ["state", "list"], ["models"],
    ):  # fmt: skip
        done = run(*command, cwd=model.directory)
        assert done.code == 0, (command, done.stderr)
    done = run("verify", "--all", cwd=model.directory)
    assert (done.code, tree in done.stderr) == (12, True)


def test_nor_do_they_in_a_bare_repository(model: Model, run: Run, git: Git, tmp_path: Path) -> None:
    take(model, "v1")
    (model.directory / "code" / "model.py").write_text("# later\n")
    git("commit", "--quiet", "--all", "-m", "later", cwd=model.directory)
    tree = git("rev-parse", "HEAD^{tree}", cwd=model.directory).strip()
    git("clone", "--quiet", "--mirror", "--no-local", str(model.directory), "mirror", cwd=tmp_path)
    bare = tmp_path / "mirror"
    (pack,) = (bare / "objects" / "pack").glob("*.pack")
    pack.rename(bare / "all.pack")
    for path in (bare / "objects" / "pack").glob("pack-*"):
        path.unlink()
    git("unpack-objects", "-q", cwd=bare, stdin=(bare / "all.pack").read_bytes())
    (bare / "objects" / tree[:2] / tree[2:]).unlink()
    for command in (["list"], ["show", "v1"], ["verify", "v1"], ["export", "v1", str(tmp_path / "out")]):
        done = run(*command, cwd=bare)
        assert done.code == 0, (command, done.stderr)
