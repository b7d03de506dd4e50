"""Records in the library: of evaluations of a snapshot, and of how states came to be."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

import gitstore
from gitstore.models.model import Model as InternalModel
from tests.support.commands import Fsck, Git
from tests.support.models import put, take


@pytest.fixture
def v1(model: InternalModel) -> gitstore.Snapshot:
    """A snapshot of the small model of `models.make`, whose products are twice the values."""
    take(model, "v1")
    return gitstore.open(model.directory).snapshot("v1")


class TestEvaluations:
    def test_one_is_recorded_and_read_as_arrays(self, v1: gitstore.Snapshot, fsck: Fsck) -> None:
        assert v1.evaluations() == []
        recorded = v1.record_evaluation("first", {"values": np.array([1.0, 2.0])})
        assert repr(recorded) == "<RecordedEvaluation first>"
        assert v1.evaluations() == [recorded]
        assert recorded.inputs()["values"].tolist() == [1, 2]
        assert recorded.outputs()["products"].tolist() == v1.evaluate(values=[1.0, 2.0])["products"].tolist()
        recorded.outputs()["products"][0] = 7  # it is the caller's
        assert pickle.loads(pickle.dumps(recorded)).inputs()["values"].tolist() == [1, 2]
        assert recorded.run.date.tzinfo is not None
        assert recorded.run.user.startswith("Ada")
        assert {"evaluate", "total"} <= recorded.run.durations.keys()
        assert recorded.run.sandbox == {"kind": "none"}
        assert any(package.startswith("numpy==") for package in recorded.run.packages)
        fsck(v1._repository)

    def test_a_name_is_taken_once_unless_it_may_be_replaced(self, v1: gitstore.Snapshot) -> None:
        v1.record_evaluation("first", values=[1.0])
        with pytest.raises(gitstore.RecordExists):
            v1.record_evaluation("first", values=[2.0])
        with pytest.raises(gitstore.InvalidName):
            v1.record_evaluation("a b", values=[2.0])
        with pytest.raises(gitstore.InvalidInput):
            v1.record_evaluation("second", wrong=[2.0])
        (kept,) = v1.evaluations()
        assert kept.inputs()["values"].tolist() == [1]
        v1.record_evaluation("first", values=[2.0], replace=True)
        (kept,) = v1.evaluations()
        assert kept.inputs()["values"].tolist() == [2]

    def test_they_are_run_again_and_compared(self, v1: gitstore.Snapshot) -> None:
        v1.record_evaluation("first", values=[1.0])
        v1.record_evaluation("second", values=[2.0])
        verified = v1.verify_evaluations()
        assert [(entry.name, entry.is_equal, entry.problem) for entry in verified] == [
            ("first", True, None),
            ("second", True, None),
        ]
        assert [output.name for output in verified[0].outputs] == ["products"]
        assert [entry.name for entry in v1.verify_evaluations("second", rtol=1e-3)] == ["second"]
        with pytest.raises(gitstore.NoSuchRecord, match="third"):
            v1.verify_evaluations("first", "third")

    def test_snapshots_are_compared_on_the_same_inputs(
        self, v1: gitstore.Snapshot, model: InternalModel
    ) -> None:
        put(model, "initial", {"factor.json": b"1.5"})
        take(model, "v2")
        v2 = gitstore.open(model.directory).snapshot("v2")
        (same,) = v1.compare(v1, values=[1.0, 2.0])
        assert (same.name, same.is_equal, same.count) == ("products", True, 0)
        (other,) = v1.compare(v2, {"values": [1.0, 2.0]})
        assert (other.is_equal, other.count, other.absolute_index) == (False, 2, (1,))
        (near,) = v1.compare(v2, values=[1.0, 2.0], rtol=10)
        assert near.is_equal

    def test_a_snapshot_that_is_gone_has_no_values(self, v1: gitstore.Snapshot, git: Git) -> None:
        recorded = v1.record_evaluation("first", values=[1.0])
        git("tag", "--delete", "v1", cwd=v1._repository)
        for read in (recorded.inputs, recorded.outputs, v1.evaluations, v1.verify_evaluations):
            with pytest.raises(gitstore.NoSuchSnapshot):
                read()


class TestTrainings:
    def test_of_a_training_a_creation_and_a_loop_of_ones_own(self, model: InternalModel) -> None:
        opened = gitstore.open(model.directory)
        opened.train({"values": [1.0, 2.0]}, save_as="trained")
        opened.create_state({"factor": 2.5}, name="created")
        with opened.new_state("by-hand", params={"rate": 0.5}) as state:
            (state.path / "factor.json").write_text("2")
            state.metric("loss", 0.5)
        trained, created = opened.training("trained"), opened.training("created")
        by_hand = opened.training("by-hand")
        assert trained is not None
        assert created is not None
        assert by_hand is not None
        operations = [record.operation for record in (trained, created, by_hand)]
        assert operations == ["train", "create_state", None]
        assert (trained.state, trained.base) == ("trained", "initial")
        assert trained.data["values"]["shape"] == [2]
        assert (created.parameters, created.base, created.metrics) == ({"factor": 2.5}, None, ())
        assert set(created.run.durations) == {"code_startup", "create_state", "total"}
        assert created.run.sandbox == {"kind": "none"}
        assert created.code["differs"] is False
        assert by_hand.parameters == {"rate": 0.5}
        assert [(metric.name, metric.value) for metric in by_hand.metrics] == [("loss", 0.5)]

    def test_what_differs(self, model: InternalModel) -> None:
        opened = gitstore.open(model.directory)
        for name, factor in (("one", 1.0), ("two", 2.0)):
            opened.create_state({"factor": factor}, name=name)
        assert opened.compare_trainings("one", "one") == []
        assert opened.compare_trainings("one", "two") == [
            gitstore.RecordDifference("parameters", "factor", 1.0, 2.0)
        ]

    def test_a_state_without_a_record(self, model: InternalModel) -> None:
        opened = gitstore.open(model.directory)
        assert opened.training() is None, "the active state is on disk, and not saved"
        take(model, "v1")
        assert opened.training("initial") is None
        with pytest.raises(gitstore.GitstoreError, match="nobody recorded how the state initial was made"):
            opened.compare_trainings("initial", "initial")
        with pytest.raises(gitstore.NoSuchState):
            opened.training("nowhere")
        bare = Path(model.directory.parent, "clone.git")
        model.repository.git("clone", "--quiet", "--bare", str(model.directory), str(bare))
        with pytest.raises(gitstore.NoSuchState):
            gitstore.open(bare).training("nowhere")
