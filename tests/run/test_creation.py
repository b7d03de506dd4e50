"""Creating a state with the model's code."""

from __future__ import annotations

import pytest

from gitstore.errors import (
    InvalidName,
    ModelException,
    StateExists,
)
from gitstore.models.model import Model
from gitstore.run import creation, new_state
from gitstore.run.values.inputs import Assignments
from tests.support.commands import Fsck, Git
from tests.support.failing import refuses
from tests.support.models import picture, refs, user_conditions


@pytest.fixture
def nothing_is_left() -> None:
    """Repositories are open here, which close when they are collected as garbage."""


class TestCreatingAState:
    def create(self, model: Model, *inputs: str, name: str | None = None) -> new_state.Result:
        here = Model.open(model.directory)
        return creation.create_state(
            here, Assignments(inputs, here.directory), conditions=user_conditions(), name=name
        )

    def test_makes_the_active_one_while_that_is_empty(self, model: Model, git: Git, fsck: Fsck) -> None:
        (model.claim_states() / "initial" / "weights").unlink()
        done = self.create(model, "factor=2.5")
        assert done.saved.name == "initial"
        assert set(done.durations) == {"code_startup", "create_state", "total"}
        assert (model.claim_states() / "initial" / "factor.json").read_text() == "2.5"
        assert git("show", "refs/states/initial:factor.json", cwd=model.directory) == "2.5"
        assert Model.open(model.directory).active_state == "initial"
        fsck(model.directory)

    def test_makes_one_of_another_name(self, model: Model) -> None:
        self.create(model, name="wide")
        assert Model.open(model.directory).active_state == "initial"
        assert (model.claim_states() / "wide" / "factor.json").read_text() == "1.0"

    def test_writes_over_nothing(self, model: Model) -> None:
        before = picture(model.directory)
        with refuses("initial", kind=StateExists):
            self.create(model)
        assert picture(model.directory) == before

    @pytest.mark.parametrize("name", ["a b", "../x"])
    def test_needs_a_name_that_can_be(self, model: Model, name: str) -> None:
        with refuses(name, kind=InvalidName):
            self.create(model, name=name)

    def test_that_fails_leaves_nothing(self, model: Model) -> None:
        path = model.directory / "code" / "model.py"
        path.write_text(
            path.read_text().replace(
                "        save(out, 1.0 if",
                "        open(str(out) + '/x', 'w'); raise OSError('no')\n        save(out, 1.0 if",
            )
        )
        before = picture(model.directory), refs(model.directory)
        with pytest.raises(ModelException, match=r"^create_state: OSError: no$"):
            self.create(model, name="new")
        assert (picture(model.directory), refs(model.directory)) == before
