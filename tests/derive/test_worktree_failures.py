"""Where git, as it checks out a new derived model, is killed or cannot read or write a file."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.storage import reachability
from tests.support import combinations, scenes
from tests.support.commands import Fsck, Git, Run, parsed
from tests.support.injection import git_under_strace
from tests.support.models import refs

HALF_MADE = {
    "commondir is empty": {"commondir": "", "gitdir": "{place}", "HEAD": "ref: refs/heads/dogs\n"},
    "HEAD of zeros": {"commondir": "../..\n", "gitdir": "{place}", "HEAD": "0" * 40 + "\n"},
    "only locked": {"locked": "initializing"},
}
"""What a `git worktree add` leaves that is killed at one of its calls."""


@combinations.sample(2)
@pytest.mark.parametrize(
    "fault",
    [
        "inject=openat:error=EMFILE:when=50+",
        "inject=write:error=ENOSPC:when=2+",
        "inject=rename:error=EIO",
        "inject=mkdir:signal=SIGKILL",
    ],
)
def test_a_git_that_fails_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsck: Fsck, fault: str
) -> None:
    base = scenes.snapshot(tmp_path)
    model = Model.open(base.repository.directory)
    before = refs(model.directory)
    with monkeypatch.context() as patched:
        shim = git_under_strace(tmp_path / "shim", "read-tree", "-e", fault)
        patched.setenv("PATH", str(shim), prepend=":")
        with pytest.raises(GitstoreError):
            worktree.derive(base, "dogs", tmp_path / "dogs")
    assert refs(model.directory) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["digits", "shim"]
    assert not list(model.repository.private.glob(".worktree~new-*"))
    fsck(model.directory)
    made = worktree.derive(base, "dogs", tmp_path / "dogs").model
    assert (made.directory / "code" / "model.py").exists()


@combinations.sample(3)
@pytest.mark.parametrize("damage", HALF_MADE)
def test_a_half_made_worktree_stops_nobody(tmp_path: Path, git: Git, run: Run, damage: str) -> None:
    """gc names it; what only it could have needed is told by its index."""
    model = Model.open(scenes.snapshot(tmp_path, "v1", "v2").repository.directory)
    administration = model.directory / ".git" / "worktrees" / "half"
    administration.mkdir(parents=True)
    for name, content in HALF_MADE[damage].items():
        (administration / name).write_text(content.format(place=f"{tmp_path / 'half' / '.git'}\n"))
    oid = git("hash-object", "-w", "--stdin", cwd=model.directory, stdin=b"staged").strip()
    index = {"GIT_INDEX_FILE": str(administration / "index")}
    repository = Repository.discover(model.directory)
    repository.git("update-index", "--add", "--cacheinfo", f"100644,{oid},code/x.py", variables=index)
    run("rm", "v2", cwd=model.directory)
    collected = run("gc", cwd=model.directory)
    assert collected.code == 0
    assert f"{administration} is an incomplete worktree of git" in collected.stderr
    assert oid in map(str, reachability.find_reachable(repository))
    for command in (
        "derive v1 dogs",
        "snapshot v3",
        "status",
        "usage",
        "models",
        "state save",
    ):
        assert run(*command.split(), cwd=model.directory).code == 0, command
    verified = run("verify", "--all", cwd=model.directory)
    assert (verified.code, "worktrees/half" in verified.stderr) == (12, True)
    shutil.rmtree(administration)
    assert parsed(run("gc", "--json", cwd=model.directory))["damaged"] == []
