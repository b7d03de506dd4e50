"""What counts as held of a model: what its own refs have, and nobody else's."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.models.model import Model
from gitstore.states import remove
from gitstore.states.save import save_state
from gitstore.workingcopy.unsaved import WouldLose
from tests.support.models import put, take


def test_a_derived_models_state_holds_nothing_of_the_root_models(model: Model, tmp_path: Path) -> None:
    dogs = worktree.derive(take(model, "v1"), "dogs", tmp_path / "dogs").model
    put(dogs, "initial", {"weights": b"the same"})
    save_state(dogs, "initial")
    put(model, "b", {"weights": b"the same"})
    with pytest.raises(WouldLose):
        remove.remove(model, ["b"])
    assert (model.directory / "states" / "b" / "weights").read_bytes() == b"the same"
