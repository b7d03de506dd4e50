"""Recording the state that an operation made, in a repository that it has damaged."""

from __future__ import annotations

import pytest

from gitstore.models.model import Model
from gitstore.run import new_state
from tests.support.commands import Git
from tests.support.failing import refuses
from tests.support.training import code, train


@pytest.fixture
def nothing_is_left() -> None:
    """Repositories are open here, which close when they are collected as garbage."""


class TestAModelThatRemovesTheRepository:
    @pytest.mark.parametrize("outer", [False, True], ids=["alone", "in another repository"])
    def test_is_told_and_nothing_is_recorded_elsewhere(self, model: Model, git: Git, *, outer: bool) -> None:
        above = model.directory.parent
        if outer:
            git("init", "--quiet", cwd=above)
        code(model, "train", "import shutil; shutil.rmtree(Path(__file__).parents[1] / '.git')")
        with refuses("replaced"):
            train(model)
        assert list((model.directory / "states").glob("trained-*")) == []
        if outer:
            assert git("for-each-ref", cwd=above) == ""

    def test_by_its_ref_alone(self, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
        """As what outlives it would do; nothing does where there are pid namespaces."""
        keep = new_state.keep_state

        def keep_and_lose(*arguments: object) -> object:
            saved = keep(*arguments)  # type: ignore[arg-type]
            (model.repository.common / "refs" / "states" / saved.name).unlink()
            return saved

        monkeypatch.setattr(new_state, "keep_state", keep_and_lose)
        with refuses("trained-1", "removed"):
            train(model)
