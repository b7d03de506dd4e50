"""All records of a snapshot: how its state was trained, and its evaluations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gitstore.models.snapshot import Snapshot
from gitstore.records import evaluations, trainings
from gitstore.records.record import EvaluationRecord, TrainingRecord


@dataclass(frozen=True)
class SnapshotRecords:
    """The records of a snapshot: of the training of its state, if there is one, and of evaluations."""

    training: TrainingRecord | None
    evaluations: Sequence[EvaluationRecord]


def read_records(snapshot: Snapshot) -> SnapshotRecords:
    """Read the records of a snapshot. Raises `Corrupt` for damaged notes."""
    training = trainings.find_record(snapshot.repository, snapshot.state_tree, snapshot.state_name)
    return SnapshotRecords(training, evaluations.list_records(snapshot))
