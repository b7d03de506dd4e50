"""Removing a derived model for good, with the guard among git's hooks: the steps of docs/hooks.md."""

from __future__ import annotations

from pathlib import Path

from gitstore import derive
from gitstore.hooking import guard, installation
from gitstore.hooking.guard import Protected
from gitstore.model import Model
from tests.support.commands import Fsck, Git, Gitstore, said
from tests.support.failing import fails
from tests.support.models import refs, take


def test_nothing_of_it_is_left(
    model: Model, tmp_path: Path, git: Git, gitstore: Gitstore, fsck: Fsck
) -> None:
    v1, here = take(model, "v1"), model.directory
    dogs = derive.derive(v1, "große-dogs", tmp_path / "große dogs").model
    take(dogs, "d1")
    installation.install(model.repository)
    ref = "refs/states/große-dogs/initial"
    line = f"{git('rev-parse', ref, cwd=here).strip()} {'0' * 40} {ref}"
    hint = "gitstore state rm initial, in the working copy of große-dogs"
    with fails("the state große-dogs/initial can only be removed by gitstore", Protected, hint):
        guard.check(model.repository, [line])
    assert gitstore("rm", "große-dogs@d1", "--yes", cwd=here).code == 0
    git("worktree", "remove", "--force", str(dogs.directory), cwd=here)
    git("branch", "--quiet", "-D", "große-dogs", cwd=here)
    assert gitstore("derive", "v1", "große-dogs", str(dogs.directory), cwd=here) == said(
        f"error: {ref} is there already, so no model can be called große-dogs",
        f"hint: choose another name, or git update-ref -d '{ref}' if nobody needs it",
        code=1,
    )
    git("update-ref", "-d", ref, cwd=here)
    assert not [each for each in refs(here) if "dogs" in each]
    assert gitstore("derive", "v1", "große-dogs", str(dogs.directory), cwd=here).code == 0
    assert gitstore("snapshot", "d1", cwd=dogs.directory).code == 0
    fsck(here)
