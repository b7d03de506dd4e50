"""Which state is active: a choice of one repository, which nobody else's can change."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.derive import remove as model_removal
from gitstore.derive import worktree
from gitstore.derive.first_state import COPIED
from gitstore.errors import Corrupt, Locked
from gitstore.git import config as git_config
from gitstore.models import active_state, reference, state
from gitstore.models.model import Model
from gitstore.states import remove
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from tests.support import scenes
from tests.support.commands import Fsck, Git, Run
from tests.support.failing import refuses
from tests.support.models import make, put, refs, take
from tests.support.processes import start


def active(model: Model) -> str:
    """What a fresh process takes for the active state."""
    return state.active(Model.open(model.directory))


@pytest.fixture
def chosen(tmp_path: Path) -> Model:
    """A model with two saved states, of which `other` is active."""
    scenes.copy(_chosen, tmp_path)
    return Model.open(tmp_path / "digits")


def _chosen(root: Path) -> None:
    model = make(root / "digits")
    put(model, "other", {"w": b"w"})
    save_state(model, "other")
    save_state(model, "initial")
    use_state(model, "other")


def test_no_ref_says_it(chosen: Model, fsck: Fsck) -> None:
    assert [ref for ref in refs(chosen.directory) if "HEAD" in ref] == []
    fsck(chosen.directory)


def test_a_mirror_chooses_for_itself(chosen: Model, tmp_path: Path, git: Git, fsck: Fsck) -> None:
    git("clone", "--quiet", "--mirror", str(chosen.directory), "mirror.git", cwd=tmp_path)
    mirror = Model.open(tmp_path / "mirror.git")
    assert (state.active(mirror), state.names(mirror)) == ("initial", ["initial", "other"])
    use_state(mirror, "other")
    use_state(chosen, "initial")
    git("remote", "update", cwd=mirror.directory)
    assert (active(mirror), active(chosen)) == ("other", "initial")
    fsck(mirror.directory)


@pytest.mark.parametrize("is_symbolic", [True, False])
def test_no_fetch_moves_it(chosen: Model, tmp_path: Path, git: Git, run: Run, *, is_symbolic: bool) -> None:
    """Not even one of a repository in which there is a HEAD among the states."""
    git("clone", "--quiet", str(chosen.directory), "clone", cwd=tmp_path)
    here = Model.open(tmp_path / "clone")
    put(here, "mine", {"w": b"mine"})
    use_state(here, "mine")
    make = ("symbolic-ref",) if is_symbolic else ("update-ref",)
    git(*make, "refs/states/HEAD", "refs/states/other", cwd=chosen.directory)
    git("fetch", "--quiet", "origin", "+refs/states/*:refs/states/*", cwd=here.directory)
    assert "refs/states/HEAD" in refs(here.directory)
    assert (active(here), state.names(here)) == ("mine", ["initial", "mine", "other"])
    assert "HEAD" not in run("state", "list", cwd=here.directory).stdout
    remove.remove(Model.open(here.directory), ["mine"], force=True)
    assert active(here) == "initial"


def test_of_a_derived_model_with_any_name(tmp_path: Path) -> None:
    base = scenes.snapshot(tmp_path)
    model = Model.open(base.repository.directory)
    for name in ("große.zahlen", 'a"b#c;d=e]', "Dogs"):
        made = worktree.derive(base, name, tmp_path / name, state=COPIED).model
        put(made, name, {"w": b"w"})
        use_state(made, name)
        assert (active(made), active(model)) == (name, "initial")
        assert active_state.chosen(model.repository, f"{name.lower()}x/") is None
        remove.remove(made, [name], force=True)
        assert active(made) == "initial"


def test_the_next_model_of_that_name_begins_anew(tmp_path: Path) -> None:
    dogs, base = scenes.derived(tmp_path), scenes.find(tmp_path)
    model = Model.open(tmp_path / "digits")
    put(dogs, "tuned", {"w": b"w"})
    use_state(dogs, "tuned")
    save_state(dogs, "tuned")
    (dogs.states / "tuned" / "w").unlink()
    model_removal.remove(model_removal.plan_removal(model, "dogs"))
    assert active_state.chosen(model.repository, "dogs/") is None
    active_state.choose(model.repository, "dogs/", "left")  # by somebody who removed it with stock git
    assert active(worktree.derive(base, "dogs", tmp_path / "dogs").model) == "initial"


def test_a_hostile_choice_is_refused(chosen: Model, run: Run) -> None:
    config = chosen.repository.common / "config"
    sound = config.read_text()
    for content in (
        "[gitstore]\n\tactiveState = ../../elsewhere\n",
        "[gitstore]\n\tactivestate\n",
        '[gitstore]\n\tACTIVESTATE = ""\n',
        '[GitStore]\n\tactiveState = other\n\tactiveState = "a\\nb"\n',
        "[gitstore]\n\tactiveState = HEAD\n",
        "[gitstore]\n\tactiveState = dogs/initial\n",
    ):
        config.write_text(f"{sound}{content}")
        with pytest.raises(Corrupt) as caught:
            active(chosen)
        assert caught.value.message.startswith(f"{config}: gitstore.activeState is ")
        assert caught.value.hint is not None
        done = run("snapshot", "v1", cwd=chosen.directory)
        assert (done.code, done.stderr.count("\n")) == (12, 2)
        verified = run("verify", "--all", cwd=chosen.directory)
        assert "gitstore.activeState is " in verified.stdout + verified.stderr
        assert run("state", "use", "initial", cwd=chosen.directory).code == 0
        assert active(chosen) == "initial"


def test_only_the_repository_s_own_file_counts(chosen: Model, git: Git, tmp_path: Path) -> None:
    """Neither the user's, nor an included one, which a pull can change, nor what a working copy says."""
    here, config = chosen.directory, chosen.repository.common / "config"
    git("config", "--global", "gitstore.activeState", "initial", cwd=here)
    (tmp_path / "included").write_text("[gitstore]\n\tactiveState = initial\n")
    git("config", "--local", "include.path", str(tmp_path / "included"), cwd=here)
    git("config", "extensions.worktreeConfig", "true", cwd=here)
    git("config", "--worktree", "gitstore.activeState", "initial", cwd=here)
    assert active(chosen) == "other"
    git("config", "--file", str(config), "--unset", "gitstore.activeState", cwd=here)
    put(chosen, "third", {"w": b"w"})
    use_state(Model.open(here), "third")
    assert active(chosen) == "third"


def test_a_change_beside_us_is_seen(chosen: Model, git: Git) -> None:
    assert state.active(chosen) == "other"
    git("config", "gitstore.activeState", "third", cwd=chosen.directory)
    assert state.active(chosen) == "third"


def test_a_lock_that_was_left_is_named(chosen: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_config, "PATIENCE", 0.1)
    config = chosen.repository.common / "config"
    lock = config.with_name("config.lock")
    lock.touch()
    with refuses(config, kind=Locked, hint=lock):
        use_state(chosen, "initial")
    with refuses(config, kind=Locked, hint=lock):
        remove.remove(Model.open(chosen.directory), ["other"], force=True)
    assert (active(chosen), state.names(chosen)) == ("other", ["initial", "other"])
    lock.unlink()
    use_state(chosen, "initial")
    assert active(chosen) == "initial"


def test_two_at_once_wait_for_each_other(chosen: Model) -> None:
    started = [start("state", "use", name, cwd=chosen.directory) for name in ("initial", "other") * 2]
    assert [process.wait() for process in started] == [0] * 4
    assert active(chosen) in ("initial", "other")


def test_a_removal_that_fails_leaves_the_choice(chosen: Model) -> None:
    lock = chosen.repository.common / "refs" / "states" / "other.lock"
    lock.touch()
    with pytest.raises(Locked):
        remove.remove(chosen, ["other"], force=True)
    lock.unlink()
    assert (active(chosen), state.names(chosen)) == ("other", ["initial", "other"])


def test_restoring_chooses(chosen: Model, run: Run) -> None:
    take(chosen, "v1")
    use_state(chosen, "initial")
    assert run("restore", "v1", cwd=chosen.directory).code == 0
    assert active(chosen) == "other" == reference.resolve("v1", chosen.directory).state_name
