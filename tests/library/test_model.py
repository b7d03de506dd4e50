"""`gitstore.Model`: what a script does with a model."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import gitstore
from gitstore.models.model import Model as InternalModel
from tests.support import scenes
from tests.support.commands import Git
from tests.support.failing import refuses
from tests.support.models import change, edit, picture, put, refs, trailers
from tests.support.training import code


@pytest.fixture
def model(model: InternalModel) -> gitstore.Model:
    """The small model of `models.make`, as a script opens it."""
    return gitstore.open(model.directory)


class TestOpening:
    def test_from_anything_below_it_and_by_a_string(self, model: gitstore.Model) -> None:
        assert gitstore.open(str(model.directory / "code")) == model
        assert repr(model) == f"<Model digits in {model.directory}>"

    def test_of_the_current_directory_stays_there(
        self, model: gitstore.Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(model.directory)
        opened = gitstore.open()
        monkeypatch.chdir(tmp_path)
        assert opened == model
        assert opened.snapshots() == []

    def test_a_bare_repository(self, model: gitstore.Model, git: Git, tmp_path: Path) -> None:
        model.take_snapshot("v1")
        git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
        bare = gitstore.open(tmp_path / "b.git")
        assert bare.snapshot("v1") == model.snapshot("v1")
        imported = bare.import_state(model.directory / "states" / "initial", name="copy")
        assert (imported.path, imported.is_saved, imported.size) == (None, True, 8)

    def test_a_model_is_sent_to_another_process(self, model: gitstore.Model) -> None:
        assert pickle.loads(pickle.dumps(model)) == model

    def test_sees_what_others_change(self, model: gitstore.Model) -> None:
        assert model.settings["filesystem_size"] == 2**20
        edit(InternalModel.open(model.directory), "1MiB", "2MiB")
        assert model.settings["filesystem_size"] == 2**21

    def test_with_invalid_settings_what_does_not_need_them_works(self, model: gitstore.Model) -> None:
        snapshot = model.take_snapshot("v1")
        edit(InternalModel.open(model.directory), "1MiB", "much")
        opened = gitstore.open(model.directory)
        assert opened.snapshots() == [snapshot]
        with pytest.raises(gitstore.BadSettings) as caught:
            _ = opened.settings
        assert "filesystem_size" in caught.value.problems[0]


class TestStates:
    def test_are_listed_with_what_is_known_of_them(self, model: gitstore.Model) -> None:
        (state,) = model.states()
        assert state == gitstore.State(
            name="initial",
            path=model.directory / "states" / "initial",
            size=8,
            is_active=True,
            is_saved=False,
            is_modified=False,
        )

    def test_one_that_is_modified_and_one_that_is_only_saved(self, model: gitstore.Model) -> None:
        model.import_state(model.directory / "code", name="saved")
        put(InternalModel.open(model.directory), "saved", {"more": b"1"})
        assert [state.is_modified for state in model.states()] == [False, True]

    def test_import_of_a_directory_and_of_files(self, model: gitstore.Model, tmp_path: Path) -> None:
        (tmp_path / "run").mkdir()
        (tmp_path / "run" / "weights").write_bytes(b"12345")
        numbers: list[int] = []
        state = model.import_state(str(tmp_path / "run"), name="run", use=True, progress=numbers.append)
        assert state == gitstore.State("run", model.directory / "states" / "run", 5, True, True, False)
        assert (model.active_state, sum(numbers)) == ("run", 10)
        (tmp_path / "tokenizer").write_bytes(b"1")
        state = model.import_state(tmp_path / "run" / "weights", tmp_path / "tokenizer", name="two")
        assert (state.size, state.is_active) == (6, False)

    def test_import_is_active_by_default_and_replaces_with_force(
        self, model: gitstore.Model, tmp_path: Path
    ) -> None:
        (tmp_path / "weights").write_bytes(b"new")
        with pytest.raises(gitstore.StateExists):
            model.import_state(tmp_path / "weights")
        assert model.import_state(tmp_path / "weights", force=True).name == "initial"
        assert (model.directory / "states" / "initial" / "weights").read_bytes() == b"new"

    def test_created_by_the_code(self, model: gitstore.Model) -> None:
        assert model.create_state({"factor": 3}, name="three").is_saved
        assert (model.directory / "states" / "three" / "factor.json").read_text() == "3.0"
        assert model.create_state(name="one").name == "one"


class TestTrainingAndEvaluating:
    def test_training_gives_a_state_and_metrics_as_they_come(self, model: gitstore.Model) -> None:
        metrics: list[gitstore.Metric] = []
        training = model.train(
            {"values": np.array([1.0, 2.0])}, save_as="up", use=True, on_metric=metrics.append
        )
        assert (training.state.name, training.state.is_active, model.active_state) == ("up", True, "up")
        assert [(metric.name, metric.value) for metric in metrics] == [("factor", 4.0)]
        assert training.metrics == tuple(metrics)
        assert repr(training) == "TrainingResult('up', factor=4)"
        assert training.durations["total"] > 0

    def test_a_working_copy_runs_as_it_is_on_disk(self, model: gitstore.Model) -> None:
        assert model.evaluate(values=np.array([1.0]))["products"].tolist() == [2.0]
        change(InternalModel.open(model.directory))
        assert model.evaluate(values=np.array([1.0]))["products"].tolist() == [3.0]

    def test_outputs_are_a_mapping_of_arrays(self, model: gitstore.Model) -> None:
        outputs = model.evaluate({"values": [1.0, 2.0]})
        assert list(outputs) == ["products"]
        assert len(outputs) == 1
        assert repr(outputs) == "Outputs(products=float64[2])"
        outputs["products"][0] = 0  # they are the caller's

    def test_plain_numbers_take_the_type_of_the_settings(self, model: gitstore.Model) -> None:
        """Arrays have a type already, and what else numpy makes an array of gets numpy's."""
        for values in ([1, 2], [1.0, 2.0], (1.0, 2.0), np.array([1.0, 2.0])):
            assert model.evaluate(values=values)["products"].tolist() == [2.0, 4.0]
        for wrong in (np.array([1, 2]), range(1, 3)):
            with refuses("values", "i64", "f64", kind=gitstore.InvalidInput):
                model.evaluate(values=wrong)


class TestTakingASnapshot:
    def test_of_the_active_state_or_another(self, model: gitstore.Model) -> None:
        model.import_state(model.directory / "code", name="other")
        numbers: list[int] = []
        first = model.take_snapshot("v1", progress=numbers.append)
        second = model.take_snapshot("v2", message="The other\n\nstate", state="other")
        assert (first.state, second.state, second.message) == ("initial", "other", "The other\n\nstate")
        assert sum(numbers) == 8
        assert trailers(model.directory, "v2")["State"] == "other"
        assert model.snapshots() == [first, second]

    def test_what_may_be_amiss_is_logged(
        self, model: gitstore.Model, caplog: pytest.LogCaptureFixture
    ) -> None:
        (model.directory / "states" / "initial" / "weights").unlink()
        model.take_snapshot("v1")
        (record,) = caplog.records
        assert record.name.startswith("gitstore.")
        assert record.getMessage().startswith("the state initial has no files")


def test_usage_is_short_in_a_notebook(model: gitstore.Model) -> None:
    model.take_snapshot("v1")
    usage = model.usage()
    assert repr(usage) == (
        f"Usage(live={usage.live}, dead=0, disk={usage.disk}, linked=0, {len(usage.holders)} holders)"
    )


Call = Callable[[gitstore.Model, Path], object]

REFUSED: dict[str, tuple[Call, type[gitstore.GitstoreError]]] = {
    "no repository": (lambda _, path: gitstore.open(path / "nowhere"), gitstore.NotAModel),
    "a repository that is no model": (lambda _, path: gitstore.open(path / "plain"), gitstore.NotAModel),
    "an unknown snapshot": (lambda model, _: model.snapshot("v9"), gitstore.NoSuchSnapshot),
    "a snapshot of an unknown model": (lambda model, _: model.snapshot("cats@v1"), gitstore.NoSuchSnapshot),
    "a name that no snapshot can have": (lambda model, _: model.take_snapshot("v 1"), gitstore.InvalidName),
    "a name that no state can have": (
        lambda model, path: model.import_state(path / "plain", name="a/b"),
        gitstore.InvalidName,
    ),
    "a snapshot that is there": (lambda model, _: model.take_snapshot("v1"), gitstore.SnapshotExists),
    "an unknown state": (lambda model, _: model.take_snapshot("v2", state="no"), gitstore.NoSuchState),
    "a state that is there": (lambda model, _: model.create_state(name="initial"), gitstore.StateExists),
    "an unknown input": (lambda model, _: model.evaluate(value=[1.0]), gitstore.InvalidInput),
    "an input of another type": (lambda model, _: model.evaluate(values=["one"]), gitstore.InvalidInput),
    "a plain number that does not fit": (
        lambda model, _: model.create_state({"factor": True}, name="new"),
        gitstore.InvalidInput,
    ),
    "training data that is missing": (lambda model, _: model.train({}), gitstore.InvalidInput),
}


def test_what_is_refused_has_a_class_and_a_hint_and_changes_nothing(
    model: gitstore.Model, git: Git, tmp_path: Path
) -> None:
    model.take_snapshot("v1")
    git("init", "--quiet", "plain", cwd=tmp_path)
    before = refs(model.directory), picture(model.directory)
    for what, (call, error) in REFUSED.items():
        with pytest.raises(error) as caught:
            call(model, tmp_path)
        assert type(caught.value) is error, what
        assert caught.value.message, what
        assert caught.value.hint, what
    assert (refs(model.directory), picture(model.directory)) == before


class TestCodeThatFails:
    def test_raises(self, model: gitstore.Model) -> None:
        with pytest.raises(gitstore.ModelException) as caught:
            model.train({"values": [-1.0]})
        assert caught.value.phase == "train"
        assert "ValueError: a negative value" in caught.value.traceback
        assert [state.name for state in model.states()] == ["initial"]

    def test_ends_its_process(self, model: gitstore.Model) -> None:
        code(InternalModel.open(model.directory), "evaluate", "import os; os._exit(3)")
        with pytest.raises(gitstore.CodeTerminated) as caught:
            model.evaluate(values=[1.0])
        assert caught.value.returncode == 3

    def test_gives_back_something_else(self, model: gitstore.Model) -> None:
        code(InternalModel.open(model.directory), "evaluate", "return {'sums': values}")
        with pytest.raises(gitstore.InvalidOutput):
            model.evaluate(values=[1.0])


def test_a_derived_model_is_a_model(tmp_path: Path) -> None:
    derived = gitstore.open(scenes.derived(tmp_path).directory)
    assert (derived.name, derived.settings["based_on"]["model"]) == ("dogs", "digits")
    assert derived.snapshot("digits@v1").model == "digits"
    assert derived.take_snapshot("v1") == gitstore.open(tmp_path / "digits").snapshot("dogs@v1")


def test_a_model_is_used_from_many_threads(model: gitstore.Model) -> None:
    snapshot = model.take_snapshot("v1")
    with ThreadPoolExecutor(4) as threads:
        evaluations = [threads.submit(snapshot.evaluate, values=[float(number)]) for number in range(4)]
        trainings = [threads.submit(model.train, {"values": [1.0]}) for _ in range(2)]
        snapshots = [threads.submit(model.take_snapshot, f"t{number}") for number in range(4)]
        products = [evaluation.result()["products"].item() for evaluation in evaluations]
    assert products == [0.0, 2.0, 4.0, 6.0]
    assert {training.result().state.name for training in trainings} == {"trained-1", "trained-2"}
    assert {taken.result() for taken in snapshots} == {*model.snapshots()} - {snapshot}
