"""Removing a derived model whole."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from gitstore.derive import remove, worktree
from gitstore.errors import Locked
from gitstore.git.refs import Refs
from gitstore.models.model import Model
from gitstore.snapshots.remove import HasDependents
from gitstore.states.materialize import materialize
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from gitstore.workingcopy.unsaved import WouldLose
from tests.support import scenes
from tests.support.commands import Fsck, Git, Run, parsed
from tests.support.failing import refuses
from tests.support.models import picture, put, refs, take


@pytest.fixture
def dogs(tmp_path: Path) -> Model:
    """A derived model with a snapshot and two states, all of them saved."""
    scenes.copy(_dogs, tmp_path)
    return Model.open(tmp_path / "dogs")


def _dogs(root: Path) -> None:
    dogs = scenes.derived(root)
    put(dogs, "tuned", {"weights": b"tuned"})
    save_state(dogs, "tuned")
    use_state(dogs, "tuned")
    take(dogs, "v1")


def test_all_of_it_is_gone(base: Model, dogs: Model, run: Run, git: Git, fsck: Fsck) -> None:
    git("config", "branch.dogs.description", "dogs", cwd=base.directory)
    before = {"refs/heads/main", "refs/tags/v1", "worktrees"}
    said = parsed(run("models", "rm", "dogs", "--json", "--dry-run", cwd=base.directory))
    assert ([snapshot["ref"] for snapshot in said["snapshots"]], said["states"]) == (
        ["refs/tags/dogs/v1"],
        ["initial", "tuned"],
    )
    assert (said["lost"], said["removed"]) == ([], False)
    outcome = run("models", "rm", "dogs", "--yes", cwd=base.directory)
    assert (outcome.code, outcome.stdout) == (0, "")
    assert refs(base.directory).keys() == before
    assert not dogs.directory.exists()
    assert git("worktree", "list", "--porcelain", cwd=base.directory).count("worktree ") == 1
    assert "dogs" not in (base.repository.common / "config").read_text()
    fsck(base.directory)
    assert [each["name"] for each in parsed(run("models", "--json", cwd=base.directory))] == ["digits"]
    assert run("models", "rm", "dogs", cwd=base.directory).code == 1
    worktree.derive(take(base, "v2"), "dogs", dogs.directory)


def test_what_it_alone_has_is_named_first(base: Model, dogs: Model, run: Run) -> None:
    put(dogs, "fresh", {"weights": b"never saved"})
    (dogs.directory / "settings.yaml").write_text((dogs.directory / "settings.yaml").read_text() + "# mine\n")
    (dogs.directory / "note.txt").write_text("mine")
    before = refs(base.directory)
    with pytest.raises(WouldLose) as caught:
        remove.check_removal(remove.plan_removal(base, "dogs"))
    assert [str(path) for path in caught.value.paths] == ["states/fresh/weights", "settings.yaml", "note.txt"]
    assert run("models", "rm", "dogs", "--yes", cwd=base.directory).code == 1
    assert refs(base.directory) == before
    assert run("models", "rm", "dogs", "--force", cwd=base.directory).code == 0
    assert not dogs.directory.exists()


def test_what_others_are_based_on(base: Model, dogs: Model, tmp_path: Path, fsck: Fsck) -> None:
    cats = worktree.derive(take(dogs, "v2"), "cats", tmp_path / "cats").model
    removal = remove.plan_removal(base, "dogs")
    with refuses("cats", "dogs", kind=HasDependents):
        remove.check_removal(removal)
    remove.remove(removal)
    take(cats, "v1")
    fsck(base.directory)


def test_refusals(base: Model, dogs: Model, git: Git) -> None:
    for name in ("digits", "main", "cats"):
        with refuses(name):
            remove.plan_removal(base, name)
    with refuses("dogs", "working copy"):
        remove.plan_removal(dogs, "dogs")
    git("worktree", "lock", "--reason", "mine", str(dogs.directory), cwd=base.directory)
    with refuses(dogs.directory, "locked", "mine"):
        remove.check_removal(remove.plan_removal(base, "dogs"))


def test_git_never_knows_a_working_copy_without_its_branch(
    base: Model, dogs: Model, git: Git, fsck: Fsck, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, looks = Refs.change, []

    def look() -> None:
        fsck(base.directory)
        looks.append(git("worktree", "list", cwd=base.directory).count("\n"))

    def watched(*arguments: Any, **options: Any) -> None:
        look()
        change(*arguments, **options)
        look()

    monkeypatch.setattr(Refs, "change", watched)
    remove.remove(remove.plan_removal(base, "dogs"))
    assert looks == [1, 1]


def test_the_working_copy_comes_back_if_the_refs_cannot_go(base: Model, dogs: Model, fsck: Fsck) -> None:
    before = refs(base.directory), picture(dogs.directory)
    lock = base.repository.common / "refs" / "heads" / "dogs.lock"
    lock.touch()
    with pytest.raises(Locked):
        remove.remove(remove.plan_removal(base, "dogs"))
    lock.unlink()
    assert (refs(base.directory), picture(dogs.directory)) == before
    assert not list(dogs.directory.parent.glob(".dogs*"))
    take(dogs, "v2")
    fsck(base.directory)


@pytest.mark.parametrize("left", ["directory", "administration", "nothing but states"])
def test_a_removal_that_was_killed_is_finished(
    base: Model, dogs: Model, git: Git, fsck: Fsck, left: str
) -> None:
    if left == "nothing but states":  # what git worktree remove and git branch -D leave
        git("worktree", "remove", "--force", str(dogs.directory), cwd=base.directory)
        git("branch", "--quiet", "-D", "dogs", cwd=base.directory)
    else:
        for ref in [ref for ref in refs(base.directory) if "/dogs" in ref]:
            git("update-ref", "--no-deref", "-d", ref, cwd=base.directory)
    if left == "administration":
        shutil.rmtree(dogs.directory)
    remove.remove(remove.plan_removal(base, "dogs"))
    assert not dogs.directory.exists()
    assert not [ref for ref in refs(base.directory) if "dogs" in ref]
    assert not list(base.repository.common.glob("worktrees/*"))
    fsck(base.directory)


def test_drop_deletes_only_what_is_saved(base: Model, run: Run) -> None:
    here = base.directory
    assert run("state", "drop", "initial", cwd=here).code == 1
    save_state(base, "initial")
    put(base, "initial", {"weights": b"changed"})
    refused = run("state", "drop", "initial", cwd=here)
    assert (refused.code, (here / "states" / "initial" / "weights").read_bytes()) == (1, b"changed")
    assert run("state", "drop", "initial", "--force", cwd=here).code == 0
    assert not (here / "states" / "initial").exists()
    assert (materialize(base, "initial") / "weights").read_bytes() == b"\0\1\2\3\4\5\6\7"
    assert run("state", "drop", "initial", cwd=here).code == 0
