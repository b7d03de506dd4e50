"""Removing a derived model for good, with the guard among git's hooks: the steps of docs/hooks.md."""

from __future__ import annotations

from pathlib import Path

from gitstore.derive import worktree
from gitstore.hooks import guard, install
from gitstore.hooks.guard import Protected
from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Fsck, Git, Run
from tests.support.failing import refuses
from tests.support.models import refs, take


def test_nothing_of_it_is_left(tmp_path: Path, git: Git, run: Run, fsck: Fsck) -> None:
    v1 = scenes.snapshot(tmp_path)
    model, here = Model.open(tmp_path / "digits"), tmp_path / "digits"
    dogs = worktree.derive(v1, "große-dogs", tmp_path / "große dogs").model
    take(dogs, "d1")
    install.install(model.repository)
    ref = "refs/states/große-dogs/initial"
    line = f"{git('rev-parse', ref, cwd=here).strip()} {'0' * 40} {ref}"
    with refuses("große-dogs/initial", kind=Protected, hint="gitstore state rm initial"):
        guard.check(model.repository, [line])
    assert run("rm", "große-dogs@d1", "--yes", cwd=here).code == 0
    git("worktree", "remove", "--force", str(dogs.directory), cwd=here)
    git("branch", "--quiet", "-D", "große-dogs", cwd=here)
    outcome = run("derive", "v1", "große-dogs", str(dogs.directory), cwd=here)
    assert (outcome.code, f"git update-ref -d '{ref}'" in outcome.stderr) == (1, True), outcome
    git("update-ref", "-d", ref, cwd=here)
    assert not [each for each in refs(here) if "dogs" in each]
    assert run("derive", "v1", "große-dogs", str(dogs.directory), cwd=here).code == 0
    assert run("snapshot", "d1", cwd=dogs.directory).code == 0
    fsck(here)
