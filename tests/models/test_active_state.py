"""Which state is active: a choice of one repository, which nobody else's can change."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.derive import remove as model_removal
from gitstore.derive import worktree
from gitstore.derive.first_state import COPIED
from gitstore.errors import Locked
from gitstore.git import config as git_config
from gitstore.models import active_state, reference, state
from gitstore.models.model import Model
from gitstore.states import remove
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from tests.support import scenes
from tests.support.commands import Git, Run
from tests.support.failing import refuses
from tests.support.models import put, take
from tests.support.processes import start


def active(model: Model) -> str:
    """What a fresh process takes for the active state."""
    return Model.open(model.directory).active_state


@pytest.fixture
def chosen(tmp_path: Path) -> Model:
    """A model with two saved states, of which `other` is active."""
    return scenes.two_states(tmp_path)


def test_of_a_derived_model_with_any_name(tmp_path: Path) -> None:
    base = scenes.snapshot(tmp_path)
    model = Model.open(base.repository.directory)
    for name in ("große.zahlen", 'a"b#c;d=e]', "Dogs"):
        made = worktree.derive(base, name, tmp_path / name, state=COPIED).model
        put(made, name, {"w": b"w"})
        use_state(made, name)
        assert (active(made), active(model)) == (name, "initial")
        assert active_state.read_chosen(model.repository, f"{name.lower()}x/") is None
        remove.remove(made, [name], force=True)
        assert active(made) == "initial"


def test_the_next_model_of_that_name_begins_anew(tmp_path: Path) -> None:
    dogs, base = scenes.derived(tmp_path), scenes.find(tmp_path)
    model = Model.open(tmp_path / "digits")
    put(dogs, "tuned", {"w": b"w"})
    use_state(dogs, "tuned")
    save_state(dogs, "tuned")
    (dogs.claim_states() / "tuned" / "w").unlink()
    model_removal.remove(model_removal.plan_removal(model, "dogs"))
    assert active_state.read_chosen(model.repository, "dogs/") is None
    active_state.choose(model.repository, "dogs/", "left")  # by somebody who removed it with stock git
    assert active(worktree.derive(base, "dogs", tmp_path / "dogs").model) == "initial"


def test_a_change_beside_us_is_seen(chosen: Model, git: Git) -> None:
    assert chosen.active_state == "other"
    git("config", "gitstore.activeState", "third", cwd=chosen.directory)
    assert chosen.active_state == "third"


def test_a_lock_that_was_left_is_named(chosen: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(git_config, "PATIENCE", 0.1)
    config = chosen.repository.common / "config"
    lock = config.with_name("config.lock")
    lock.touch()
    with refuses(config, kind=Locked, hint=lock):
        use_state(chosen, "initial")
    with refuses(config, kind=Locked, hint=lock):
        remove.remove(Model.open(chosen.directory), ["other"], force=True)
    assert (active(chosen), state.list_names(chosen)) == ("other", ["initial", "other"])
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
    assert (active(chosen), state.list_names(chosen)) == ("other", ["initial", "other"])


def test_restoring_chooses(chosen: Model, run: Run) -> None:
    take(chosen, "v1")
    use_state(chosen, "initial")
    assert run("restore", "v1", cwd=chosen.directory).code == 0
    assert active(chosen) == "other" == reference.resolve("v1", chosen.directory).state_name
