"""docs/format.md, "Working copy": what everyday git does to it, and to states that are on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import GitstoreError
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.states.save import save_state
from tests.support import scenes
from tests.support.commands import Fsck, Git, Run
from tests.support.failing import names
from tests.support.models import existing_repository, picture, put, take


def _derived_with_snapshot(root: Path) -> None:
    take(scenes.derived(root), "v1")


class TestPlainGit:
    """Everyday git never touches a file under states/: that is why a snapshot's tree says state/."""

    @pytest.fixture(params=["root", "derived"])
    def place(self, request: pytest.FixtureRequest, tmp_path: Path) -> Model:
        """With a snapshot v1 of its own."""
        if request.param == "root":
            scenes.snapshot(tmp_path)
            return Model.open(tmp_path / "digits")
        scenes.copy(_derived_with_snapshot, tmp_path)
        return Model.open(tmp_path / "dogs")

    def test_checkout_and_switch_with_unsaved_weights(self, place: Model, git: Git, fsck: Fsck) -> None:
        put(place, "initial", {"weights": b"unsaved", "more": b"more"})
        put(place, "never-saved", {"w": b"w"})
        before = picture(place.claim_states())
        here = place.directory
        branch = git("branch", "--show-current", cwd=here).strip()
        tag = f"{place.prefix}v1"
        git("checkout", "--quiet", tag, cwd=here)
        assert (here / "state" / "weights").exists()
        assert picture(place.claim_states()) == before
        git("switch", "--quiet", branch, cwd=here)
        assert not (here / "state").exists()
        assert picture(place.claim_states()) == before
        git("checkout", "--quiet", "--force", tag, cwd=here)
        git("switch", "--quiet", "--force", branch, cwd=here)
        git("stash", "--include-untracked", "--quiet", cwd=here)
        git("clean", "--force", "-d", "--quiet", cwd=here)
        assert picture(place.claim_states()) == before
        assert git("status", "--porcelain", cwd=here) == ""
        fsck(here)

    def test_a_detached_snapshot_is_still_the_model(self, place: Model, git: Git) -> None:
        git("checkout", "--quiet", f"{place.prefix}v1", cwd=place.directory)
        again = Model.open(place.directory)
        assert (again.name, again.prefix, again.active_state) == (place.name, place.prefix, "initial")
        assert take(again, "v2").name == "v2"


class TestAnotherModelsBranch:
    def test_in_the_root_working_copy_is_told_apart(self, git: Git, tmp_path: Path) -> None:
        dogs, model = scenes.derived(tmp_path), Model.open(tmp_path / "digits")
        git("switch", "--quiet", "--ignore-other-worktrees", "dogs", cwd=model.directory)
        before = picture(model.directory)
        for command in (
            lambda here: save_state(here, "initial"),
            lambda here: list(state.list_states(here)),
            take_any,
        ):
            with pytest.raises(GitstoreError) as caught:
                command(Model.open(model.directory))
            assert names(caught.value, model.directory, "dogs")
        assert picture(model.directory) == before
        git("switch", "--quiet", "main", cwd=model.directory)
        assert [each.name for each in state.list_states(Model.open(model.directory))] == ["initial"]
        assert [each.name for each in state.list_states(dogs)] == ["initial"]

    def test_in_a_fresh_clone_it_is_that_model(self, git: Git, tmp_path: Path) -> None:
        scenes.copy(_derived_with_snapshot, tmp_path)
        git("clone", "--quiet", "digits", "clone", cwd=tmp_path)
        git("switch", "--quiet", "dogs", cwd=tmp_path / "clone")
        clone = Model.open(tmp_path / "clone")
        put(clone, "initial", {"w": b"w"})
        assert take(clone, "v2").ref == "refs/tags/dogs/v2"


def take_any(model: Model) -> object:
    return take(model, "v9")


def test_states_of_a_moved_worktree_are_not_looked_for_in_the_old_place(tmp_path: Path) -> None:
    scenes.derived(tmp_path)
    (tmp_path / "dogs").rename(tmp_path / "hounds")
    moved = Model.open(tmp_path / "hounds")
    assert (moved.name, moved.claim_states()) == ("dogs", tmp_path / "hounds" / "states")
    put(moved, "initial", {"weights": b"new"})
    save_state(moved, "initial")
    assert not (tmp_path / "dogs").exists()


def test_states_on_disk_are_hidden_from_git(model: Model, git: Git) -> None:
    assert git("status", "--porcelain", "--untracked-files=all", cwd=model.directory) == ""
    rule = git("check-ignore", "--verbose", "states/initial/weights", cwd=model.directory)
    assert rule.split("\t")[0] == ".gitignore:1:/states/"
    assert git("ls-files", cwd=model.directory).split() == [".gitignore", "code/model.py", "settings.yaml"]


def test_a_branch_head_with_settings_is_a_model_whoever_made_it(git: Git, run: Run, tmp_path: Path) -> None:
    here = existing_repository(tmp_path / "plain", code__model="", notes="")
    assert run("snapshot", "v1", cwd=here).code == 10
    (here / "settings.yaml").write_text("name: plain\n")
    (here / "states" / "initial").mkdir(parents=True)
    git("add", "settings.yaml", cwd=here)
    git("commit", "--quiet", "--message", "settings", cwd=here)
    assert run("snapshot", "v1", cwd=here).code == 0
    assert git("ls-tree", "--name-only", "v1", cwd=here).split() == ["code", "settings.yaml", "state"]
