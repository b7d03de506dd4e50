"""Records, as a script or a notebook sees them: of evaluations, and of how states came to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from msgspec import UNSET, UnsetType, to_builtins

from gitstore.models.model import Model as InternalModel
from gitstore.models.snapshot import Snapshot as InternalSnapshot
from gitstore.records import trainings
from gitstore.records.record import Circumstances, Environment, EvaluationRecord
from gitstore.run.conditions import find_conditions
from gitstore.run.dialogue import Metric
from gitstore.run.recording.differences import OutputDifference
from gitstore.run.recording.evaluations import RecordedValues, open_values
from gitstore.run.recording.trainings import open_metrics
from gitstore.run.recording.verification import VerifiedEvaluation
from gitstore.run.values.ragged import join
from gitstore.run.worker.tensors import Value
from gitstore.settings.schema import Parameter

if TYPE_CHECKING:
    from gitstore.library.snapshot import Snapshot


@dataclass(frozen=True)
class RunFacts:
    """When, by whom and how an operation ran. What is not known is `None`, or empty.

    `durations` are the seconds of each phase, and their `total`; `peak_memory` is in bytes. `packages` are
    requirements such as `numpy==2.4.6`, `python` is a version. `sandbox` says how the code was confined.
    """

    date: datetime
    user: str
    durations: Mapping[str, float]
    python: str | None
    packages: tuple[str, ...]
    sandbox: Mapping[str, Any] | None
    peak_memory: int | None


@dataclass(frozen=True, repr=False)
class RecordedEvaluation:
    """An evaluation that a snapshot keeps. `run` says how it ran."""

    name: str
    run: RunFacts
    _record: EvaluationRecord
    _snapshot: Snapshot

    def __repr__(self) -> str:
        return f"<RecordedEvaluation {self.name}>"

    def inputs(self) -> dict[str, Any]:
        """The inputs by name, as arrays of numpy; a ragged one is a list of arrays.

        Raises `Corrupt` if they are damaged, or missing in a clone, and `NoSuchSnapshot` if it is gone.
        """
        with self._open() as (snapshot, values):
            return _copy(values.inputs, snapshot.settings.types.evaluate.inputs)

    def outputs(self) -> dict[str, Any]:
        """The outputs by name, like `inputs`."""
        with self._open() as (snapshot, values):
            return _copy(values.outputs, snapshot.settings.types.evaluate.outputs)

    @contextmanager
    def _open(self) -> Iterator[tuple[InternalSnapshot, RecordedValues]]:
        snapshot = self._snapshot._read()
        with open_values(snapshot, self._record, find_conditions(snapshot.repository.directory)) as values:
            yield snapshot, values


@dataclass(frozen=True)
class RepeatedEvaluation:
    """What a recorded evaluation gave when it was run again.

    `problem` says why it could not be run, `changes` are versions that are not as they were then, and
    `outputs` has one entry for each output. `is_equal` is within the tolerance that was asked for.
    """

    name: str
    is_equal: bool
    outputs: Sequence[OutputDifference]
    problem: str | None
    changes: Sequence[str]


@dataclass(frozen=True)
class RecordedTraining:
    """How a state came to be. What is not known is `None`, or empty.

    `state` is what it was called then. `operation` is `train` or `create_state`, and `None` for a loop of
    one's own. `parameters` are scalars. `data` are type, shape, size in bytes and `sha256` of everything
    else, by name. `base` is the state that the training began with. `code` has the `commit` that was checked
    out, its code `tree`, and whether files on disk `differs` from it.
    """

    state: str
    operation: str | None
    parameters: Mapping[str, Any]
    data: Mapping[str, Mapping[str, Any]]
    metrics: tuple[Metric, ...] = field(repr=False)
    base: str | None
    code: Mapping[str, Any]
    run: RunFacts


def wrap_evaluation(snapshot: Snapshot, record: EvaluationRecord) -> RecordedEvaluation:
    """Return a record of the rooms as outsiders see it."""
    return RecordedEvaluation(record.name, _wrap_run(record.circumstances), record, snapshot)


def wrap_repeated(verified: VerifiedEvaluation) -> RepeatedEvaluation:
    """Return a verified evaluation as outsiders see it."""
    return RepeatedEvaluation(
        verified.record, verified.is_equal, verified.outputs, verified.problem, verified.changes
    )


def find_training(model: InternalModel, name: str) -> RecordedTraining | None:
    """Return how a state came to be; `None` if nobody recorded it. Raises `NoSuchState` and `Corrupt`."""
    record = trainings.find_state_record(model, name)
    if record is None:
        return None
    with open_metrics(model, record, find_conditions(model.directory)) as read:
        metrics = tuple(read)
    code = {} if isinstance(record.code, UnsetType) else to_builtins(record.code)
    return RecordedTraining(
        state=record.name,
        operation=_known(record.operation),
        parameters=record.parameters,
        data={
            value.name: {"type": value.type, "shape": value.shape, "size": value.size, "sha256": value.sha256}
            for value in record.data
        },
        metrics=metrics,
        base=None if isinstance(record.base, UnsetType) else record.base.name,
        code=code,
        run=_wrap_run(record.circumstances),
    )


def _wrap_run(circumstances: Circumstances) -> RunFacts:
    environment = circumstances.environment
    known = environment if not isinstance(environment, UnsetType) else Environment()
    return RunFacts(
        date=datetime.fromisoformat(circumstances.date),
        user=circumstances.user,
        durations=circumstances.durations,
        python=_known(known.python),
        packages=tuple(_known(known.packages) or ()),
        sandbox=_known(circumstances.sandbox),
        peak_memory=_known(circumstances.peak_memory),
    )


def _known(value: Any) -> Any:
    return None if value is UNSET else value


def _copy(values: Mapping[str, Value], definitions: Sequence[Parameter]) -> dict[str, Any]:
    """Return values that stay when the files that they are mapped from have gone."""
    return {
        name: [np.array(element) for element in value] if isinstance(value, list) else np.array(value)
        for name, value in join(values, definitions).items()
    }
