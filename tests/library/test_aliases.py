"""Aliases, as a script moves them."""

from __future__ import annotations

import pytest

import gitstore
from gitstore.models.model import Model as InternalModel
from tests.support.commands import Run


@pytest.fixture
def model(model: InternalModel) -> gitstore.Model:
    opened = gitstore.open(model.directory)
    for name in ("v1", "v2"):
        opened.take_snapshot(name)
    return opened


def test_an_alias_moves(model: gitstore.Model) -> None:
    assert model.aliases() == {}
    model.set_alias("production", "v1", message="works")
    model.set_alias("production", "v2")
    assert model.aliases() == {"production": model.snapshot("v2")}
    assert model.snapshot("production") == model.snapshot("v2")


def test_what_is_required_must_be_recorded(model: gitstore.Model, run: Run) -> None:
    with pytest.raises(gitstore.GitstoreError, match="no evaluation bench was recorded"):
        model.set_alias("production", "v1", require=["bench"])
    with pytest.raises(gitstore.GitstoreError, match="'a b' is no requirement"):
        model.set_alias("production", "v1", require=["a b"])
    arguments = ("evaluate", "v1", "-p", "values=[1.0]", "--record", "bench")
    assert run(*arguments, cwd=model.directory).code == 0
    model.set_alias("production", "v1", require=["bench"])
    with pytest.raises(gitstore.NoSuchSnapshot):
        model.set_alias("production", "v9")
    assert list(model.aliases()) == ["production"]
