"""Recording an evaluation of a snapshot, and evaluating what was recorded again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

from gitstore.disk import directories
from gitstore.errors import GitstoreError, InvalidInput
from gitstore.events import journal
from gitstore.events.failures import telling_failures
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.progress import Progress
from gitstore.records import evaluations, files
from gitstore.records.evaluations import NoSuchRecord
from gitstore.records.record import EvaluationRecord, Value
from gitstore.run import evaluation
from gitstore.run.conditions import Conditions
from gitstore.run.evaluation import LocalLauncher, SnapshotLauncher
from gitstore.run.recording.circumstances import describe_run
from gitstore.run.recording.differences import OutputDifference, Tolerance, compare_outputs
from gitstore.run.recording.values import describing, read_values, write_values
from gitstore.run.supervisor import Evaluation
from gitstore.run.values.inputs import Arrays, Inputs
from gitstore.run.values.ragged import join
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array


@dataclass(frozen=True)
class RecordedValues:
    """The inputs of a record, and the outputs that they gave."""

    inputs: Mapping[str, Array]
    outputs: Mapping[str, Array]


@dataclass(frozen=True)
class Recorded:
    """An evaluation, and its record."""

    evaluation: Evaluation
    record: EvaluationRecord


@dataclass(frozen=True)
class Comparison:
    """What evaluating gave, and how each output differs from what is expected of it."""

    evaluation: Evaluation
    outputs: Sequence[OutputDifference]

    @property
    def is_equal(self) -> bool:
        """Whether no output differs by more than is tolerated."""
        return all(output.is_equal for output in self.outputs)


def evaluate_and_record(
    snapshot: Snapshot,
    inputs: Inputs,
    *,
    name: str,
    launcher: SnapshotLauncher,
    replacing: bool = False,
    is_told: bool = True,
    progress: Progress = lambda _: None,
) -> Recorded:
    """Evaluate a snapshot, and keep inputs and outputs as the record `name`.

    A failure is an event, unless the caller tells of it itself. Raises `RecordExists`, unless `replacing`,
    and what `evaluate_snapshot` raises. Nothing is recorded then.
    """
    if not replacing:
        evaluations.check_new(snapshot, name)
    arrays = inputs.read(snapshot.settings.types.evaluate.inputs)
    with telling_failures(snapshot, name) if is_told else nullcontext():
        evaluated = evaluation.evaluate_snapshot(
            snapshot, Arrays(arrays), launcher=launcher, progress=progress
        )
    record = _record(snapshot, arrays, evaluated, name=name, replacing=replacing)
    journal.observe(snapshot.repository)
    return Recorded(evaluated, record)


def _record(
    snapshot: Snapshot,
    inputs: Mapping[str, tensors.Value],
    evaluated: Evaluation,
    *,
    name: str,
    replacing: bool,
) -> EvaluationRecord:
    circumstances = describe_run(
        snapshot.repository,
        evaluated.durations,
        workplace=evaluated.workplace,
        peak_memory=evaluated.peak_memory,
    )
    with directories.scratch(snapshot.repository.private, "record") as directory:
        record = EvaluationRecord(
            name=name,
            inputs=write_values(inputs, directory, "inputs"),
            outputs=write_values(evaluated.outputs, directory, "outputs"),
            tree="",
            circumstances=circumstances,
        )
        if evaluated.printed:
            (directory / files.OUTPUT).write_bytes(evaluated.printed)
        return evaluations.add_record(snapshot, record, directory, replacing=replacing)


@contextmanager
def open_values(
    snapshot: Snapshot, record: EvaluationRecord, conditions: Conditions
) -> Iterator[RecordedValues]:
    """Provide the arrays of a record while the block runs. Large ones are mapped from the user's cache.

    Raises `Corrupt` if they are damaged or missing.
    """
    tree = evaluations.find_tree(record)
    files.check_tree(snapshot.repository, tree, record=record.name)
    with conditions.cache.open_state(snapshot.repository, tree) as directory:
        yield RecordedValues(read_values(directory, record.inputs), read_values(directory, record.outputs))


def repeat_evaluation(
    snapshot: Snapshot, record: EvaluationRecord, *, conditions: Conditions, tolerance: Tolerance
) -> Comparison:
    """Evaluate a snapshot with the inputs of one of its records again, and compare with its outputs."""
    with open_values(snapshot, record, conditions) as recorded:
        inputs = join(recorded.inputs, snapshot.settings.types.evaluate.inputs)
        evaluated = evaluation.evaluate_snapshot(snapshot, Arrays(inputs), launcher=LocalLauncher(conditions))
        return Comparison(evaluated, compare_outputs(recorded.outputs, evaluated.outputs, tolerance))


@dataclass(frozen=True)
class Expectation:
    """A record that an evaluation is compared with, and the snapshot that it is of."""

    snapshot: Snapshot
    record: EvaluationRecord


def find_expectation(snapshots: Sequence[Snapshot], name: str) -> Expectation:
    """Find a record by its name among those of some snapshots.

    Raises `NoSuchRecord` if none has it, and `GitstoreError` if several have.
    """
    found = [
        Expectation(snapshot, record)
        for snapshot in snapshots
        for record in evaluations.list_records(snapshot)
        if record.name == name
    ]
    if not found:
        raise NoSuchRecord(
            f"there is no evaluation record {name}", "gitstore show SNAPSHOT lists those of a snapshot"
        )
    if len(found) > 1:
        names = [expectation.snapshot.short_name for expectation in found]
        raise GitstoreError(
            f"{', '.join(names)} have an evaluation record {name} each", f"write --expect {names[0]}:{name}"
        )
    return found[0]


def evaluate_and_compare(
    target: Snapshot | Model,
    expectation: Expectation,
    inputs: Inputs | None,
    *,
    conditions: Conditions,
    tolerance: Tolerance,
) -> Comparison:
    """Evaluate a snapshot or a working copy, and compare the outputs with those of a record.

    Without `inputs`, they are those of the record; others must be equal to them. Raises `InvalidInput` if
    they are not.
    """
    with open_values(expectation.snapshot, expectation.record, conditions) as recorded:
        arrays: Mapping[str, tensors.Value] = recorded.inputs
        if inputs is not None:
            arrays = inputs.read(target.settings.types.evaluate.inputs)
            _check_inputs(arrays, expectation.record)
        evaluated = _evaluate(target, arrays, conditions)
        return Comparison(evaluated, compare_outputs(recorded.outputs, evaluated.outputs, tolerance))


def compare_snapshots(
    snapshots: tuple[Snapshot, Snapshot], inputs: Inputs, *, conditions: Conditions, tolerance: Tolerance
) -> Comparison:
    """Evaluate two snapshots with the same inputs, and compare the second one's outputs with the first's."""
    first, second = snapshots
    arrays = inputs.read(first.settings.types.evaluate.inputs)
    expected = _evaluate(first, arrays, conditions)
    actual = _evaluate(second, inputs.read(second.settings.types.evaluate.inputs), conditions)
    return Comparison(actual, compare_outputs(expected.outputs, actual.outputs, tolerance))


def _evaluate(
    target: Snapshot | Model, arrays: Mapping[str, tensors.Value], conditions: Conditions
) -> Evaluation:
    inputs = Arrays(join(arrays, target.settings.types.evaluate.inputs))
    if isinstance(target, Model):
        return evaluation.evaluate_working_copy(target, inputs, conditions=conditions)
    return evaluation.evaluate_snapshot(target, inputs, launcher=LocalLauncher(conditions))


def _check_inputs(arrays: Mapping[str, tensors.Value], record: EvaluationRecord) -> None:
    """Raise `InvalidInput` unless arrays are those of a record."""
    with describing(arrays) as description:
        given = _digests(description.result())
    recorded = _digests(record.inputs)
    names = [name for name in {**recorded, **given} if recorded.get(name) != given.get(name)]
    if names:
        problems = [f"{name}: differs from the input of the record {record.name}" for name in names]
        raise InvalidInput(problems, "without -p, the inputs are those of the record")


def _digests(values: Sequence[Value]) -> dict[str, str]:
    return {value.name: value.sha256 for value in values}
