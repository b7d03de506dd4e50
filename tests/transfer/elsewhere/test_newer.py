"""What a derived model hears of newer snapshots of a base behind a URL."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitstore.models.model import Model
from gitstore.transfer.elsewhere.newer import find_newer_names
from tests.support.commands import Run
from tests.support.models import again, take
from tests.support.sharing import connect, make_bare, send


@pytest.fixture
def bare(model: Model, tmp_path: Path) -> Path:
    bare = make_bare(tmp_path / "origin.git")
    take(model, "v9")
    send(connect(model, f"file://{bare}"))
    return bare


@pytest.fixture
def dogs(model: Model, bare: Path, tmp_path: Path, run: Run) -> Model:
    """A model that is based on v9 behind a URL, and has a remote of its own."""
    outcome = run("derive", f"file://{bare}@v9", "dogs", str(tmp_path / "dogs"), "--reference", cwd=tmp_path)
    assert outcome.code == 0, outcome
    dogs = connect(Model.open(tmp_path / "dogs"), make_bare(tmp_path / "dogs.git"))
    send(dogs)
    return again(dogs)


def test_names_that_come_after(model: Model, dogs: Model, run: Run) -> None:
    assert find_newer_names(dogs) == []
    for name in ("v8", "v10", "v11", "u12"):
        take(model, name)
    send(model)
    assert find_newer_names(dogs) == ["v10", "v11"]
    outcome = run("pull", cwd=dogs.directory)
    assert outcome.code == 0
    assert outcome.stderr.splitlines()[-1] == "digits has v11; gitstore rebase v11 moves to it"
    assert run("rebase", "v11", cwd=dogs.directory).code == 0
    assert find_newer_names(again(dogs)) == []


def test_that_it_cannot_be_reached_is_no_failure(dogs: Model, bare: Path, run: Run) -> None:
    shutil.rmtree(bare)
    outcome = run("pull", cwd=dogs.directory)
    assert outcome.code == 0
    (line,) = [line for line in outcome.stderr.splitlines() if line.startswith("warning")]
    assert line.startswith(f"warning: newer snapshots of the base are not known: file://{bare} cannot be")


def test_a_model_without_such_a_base(model: Model, bare: Path) -> None:
    assert find_newer_names(model) == []
