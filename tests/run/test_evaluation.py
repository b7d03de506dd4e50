"""Evaluating a snapshot or the working copy, and inputs that do not fit an operation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from gitstore.errors import (
    InvalidInput,
)
from gitstore.models import snapshot, state
from gitstore.models.model import Model
from gitstore.run import evaluation, training
from gitstore.run.values.inputs import Assignments
from gitstore.run.worker.tensors import Value
from gitstore.settings.schema import Parameter
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from tests.support import scenes
from tests.support.commands import Git
from tests.support.models import make, picture, put, refs, take, user_conditions, user_launcher


@pytest.fixture
def nothing_is_left() -> None:
    """Repositories are open here, which close when they are collected as garbage."""


def evaluated(model: Model, name: str, *inputs: str) -> bytes:
    here = Model.open(model.directory)
    found = next(each for each in snapshot.read_own_snapshots(here) if each.name == name)
    done = evaluation.evaluate_snapshot(
        found, Assignments(inputs or ["values=[1, 2, 3]"], here.directory), launcher=user_launcher()
    )
    return done.outputs["products"].tobytes()


class TestEvaluatingASnapshot:
    def test_gives_the_same_bytes_after_code_state_and_settings_changed(self, model: Model) -> None:
        put(model, "initial", {"factor.json": b"1.5"})
        take(model, "v1")
        first = evaluated(model, "v1")
        assert np.frombuffer(first).tolist() == [3.0, 6.0, 9.0]
        path = model.directory / "code" / "model.py"
        path.write_text(path.read_text().replace("RATE = 2.0", "RATE = 7.0"))
        put(model, "initial", {"factor.json": b"100"})
        settings = model.directory / "settings.yaml"
        settings.write_text(
            settings.read_text()
            .replace("products", "results")
            .replace("[f64], shape: [-1]", "[f32], shape: []")
        )
        assert evaluated(model, "v1") == first

    def test_touches_nothing_of_the_working_copy_and_works_in_a_bare_repository(
        self, git: Git, tmp_path: Path
    ) -> None:
        scenes.snapshot(tmp_path)
        model = Model.open(tmp_path / "digits")
        before = picture(model.directory), refs(model.directory)
        products = evaluated(model, "v1")
        assert (picture(model.directory), refs(model.directory)) == before
        git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
        assert evaluated(Model.open(tmp_path / "b.git"), "v1") == products


class TestEvaluatingTheWorkingCopy:
    def evaluate(self, model: Model) -> list[float]:
        here = Model.open(model.directory)
        done = evaluation.evaluate_working_copy(
            here, Assignments(["values=[1]"], here.directory), conditions=user_conditions()
        )
        found: list[float] = done.outputs["products"].tolist()
        return found

    def test_runs_what_is_on_disk(self, model: Model) -> None:
        put(model, "initial", {"factor.json": b"4"})
        assert self.evaluate(model) == [8.0]
        path = model.directory / "code" / "model.py"
        path.write_text(path.read_text().replace("RATE = 2.0", "RATE = 3.0"))
        assert self.evaluate(model) == [12.0]

    def test_writes_a_saved_state_out(self, model: Model) -> None:
        put(model, "other", {"factor.json": b"5"})
        save_state(model, "other")
        use_state(model, "other")
        (model.claim_states() / "other" / "factor.json").unlink()
        assert self.evaluate(model) == [10.0]

    def test_without_any_state_gives_the_code_an_empty_directory(self, model: Model) -> None:
        (model.claim_states() / "initial" / "weights").unlink()
        (model.claim_states() / "initial").rmdir()
        assert self.evaluate(model) == [2.0]
        assert not (model.claim_states() / "initial").exists()


UNFIT = [
    (["values=[true]"], "values: "),
    (["values=1"], "values: "),
    ([], "values: is missing, but settings.yaml requires it"),
    (["values=[1]", "other=2"], "other: "),
    (["values=@nowhere.npy"], "values: "),
    (["values"], "'values': write NAME=VALUE, with VALUE in JSON, or NAME=@FILE"),
]


def test_inputs_that_do_not_fit_run_nothing(model: Model) -> None:
    path = model.directory / "code" / "model.py"
    path.write_text(f"open({str(model.directory / 'ran')!r}, 'w')\n" + path.read_text())
    found = take(model, "v1")
    here = model.directory
    for given, problem in UNFIT:
        for run in (
            partial(evaluation.evaluate_snapshot, found, launcher=user_launcher()),
            partial(evaluation.evaluate_working_copy, Model.open(here), conditions=user_conditions()),
            partial(training.train, Model.open(here), conditions=user_conditions()),
        ):
            with pytest.raises(InvalidInput) as caught:
                run(Assignments(given, here))
            assert any(line.startswith(problem) for line in caught.value.problems), caught.value.problems
    assert not (here / "ran").exists()
    assert state.list_names(Model.open(here)) == ["initial"]


class Unfit:
    """Inputs that are found invalid when they are read, and the processes that this one had then."""

    def __init__(self) -> None:
        self.children: set[str] = set()

    def read(self, definitions: Sequence[Parameter]) -> dict[str, Value]:
        self.children = children()
        raise InvalidInput([f"{definition.name}: is unfit" for definition in definitions])


def children() -> set[str]:
    return set(Path("/proc/self/task", str(os.getpid()), "children").read_text().split())


def test_a_worker_starts_while_inputs_are_read_if_nothing_must_be_built_for_it(model: Model) -> None:
    path = model.directory / "code" / "model.py"
    path.write_text(f"open({str(model.directory / 'ran')!r}, 'w')\n" + path.read_text())
    found = take(model, "v1")
    before = children()
    for is_built in (False, True):
        inputs = Unfit()
        with pytest.raises(InvalidInput, match="values: is unfit"):
            evaluation.evaluate_snapshot(found, inputs, launcher=user_launcher())
        assert bool(inputs.children - before) is is_built
        assert children() <= before, "it has ended"
        assert not (model.directory / "ran").exists(), "the model's code never runs"
        assert user_launcher().has_all(found) is is_built
        if not is_built:
            evaluated(model, "v1")
            (model.directory / "ran").unlink()
            before = children()


def test_input_files_are_looked_for_where_the_user_stands(tmp_path: Path) -> None:
    model = make(tmp_path / "digits")
    (tmp_path / "my data").mkdir()
    np.save(tmp_path / "my data" / "größe.npy", np.array([1.0, 2.0]))
    done = evaluation.evaluate_working_copy(
        model, Assignments(["values=@my data/größe.npy"], tmp_path), conditions=user_conditions()
    )
    assert done.outputs["products"].tolist() == [2.0, 4.0]


def test_a_clone_without_weights_is_told(
    model: Model, git: Git, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """git clones snapshots, but neither `states/` nor saved states."""
    new = make(tmp_path / "new", name="new")
    (new.claim_states() / "initial" / "weights").unlink()
    evaluation.evaluate_working_copy(
        new, Assignments(["values=[1]"], new.directory), conditions=user_conditions()
    )
    assert caplog.messages == [], "a new model has no weights yet"
    take(model, "v1")
    git("clone", "--quiet", str(model.directory), str(tmp_path / "clone"), cwd=tmp_path)
    clone = Model.open(tmp_path / "clone")
    training.train(clone, Assignments(["values=[1]"], clone.directory), conditions=user_conditions())
    (message,) = caplog.messages
    assert message.startswith(
        "the state initial is neither on disk nor saved, so the model runs without weights"
    )
