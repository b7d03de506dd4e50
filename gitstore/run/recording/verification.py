"""Verifying recorded evaluations: running them again, and comparing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from msgspec import UnsetType

from gitstore.errors import GitstoreError
from gitstore.models.snapshot import Snapshot
from gitstore.records import evaluations
from gitstore.records.evaluations import NoSuchRecord
from gitstore.records.record import Environment, EvaluationRecord
from gitstore.run.conditions import Conditions
from gitstore.run.recording.differences import EXACT, OutputDifference, Tolerance
from gitstore.run.recording.evaluations import repeat_evaluation
from gitstore.run.workplace import Workplace


@dataclass(frozen=True)
class VerifiedEvaluation:
    """A recorded evaluation that was run again. `problem` says why it could not be, or gave no outputs.

    `changes` are packages and versions that are not as they were.
    """

    snapshot: Snapshot
    record: str
    outputs: Sequence[OutputDifference] = ()
    problem: str | None = None
    changes: Sequence[str] = field(default=())

    @property
    def is_equal(self) -> bool:
        """Whether it gave what it gave then, as exactly as was asked for."""
        return self.problem is None and all(output.is_equal for output in self.outputs)


def verify_evaluations(
    snapshots: Iterable[Snapshot],
    names: Collection[str] = (),
    *,
    conditions: Conditions,
    tolerance: Tolerance = EXACT,
) -> Iterator[VerifiedEvaluation]:
    """Run recorded evaluations of snapshots again, all or those with some names, and yield each.

    Raises `NoSuchRecord` for a name that no snapshot has, before any is run.
    """
    chosen = [
        (snapshot, record)
        for snapshot in snapshots
        for record in evaluations.list_records(snapshot)
        if not names or record.name in names
    ]
    missing = set(names) - {record.name for _, record in chosen}
    if missing:
        raise NoSuchRecord(
            f"there is no evaluation record {', '.join(sorted(missing))}",
            "gitstore show SNAPSHOT lists those of a snapshot",
        )
    for snapshot, record in chosen:
        yield _verify(snapshot, record, conditions=conditions, tolerance=tolerance)


def _verify(
    snapshot: Snapshot, record: EvaluationRecord, *, conditions: Conditions, tolerance: Tolerance
) -> VerifiedEvaluation:
    try:
        comparison = repeat_evaluation(snapshot, record, conditions=conditions, tolerance=tolerance)
    except GitstoreError as error:
        return VerifiedEvaluation(snapshot, record.name, problem=error.message)
    changes = _list_changes(record, comparison.evaluation.workplace)
    return VerifiedEvaluation(snapshot, record.name, comparison.outputs, changes=changes)


def _list_changes(record: EvaluationRecord, workplace: Workplace | None) -> list[str]:
    """List what ran with another version than then."""
    before = record.circumstances.environment
    after = workplace.environment if workplace is not None else None
    if isinstance(before, UnsetType) or after is None:
        return []
    then, now = _list_versions(before), _list_versions(after)
    return [
        f"{name} {then.get(name, 'missing')} then, {now.get(name, 'missing')} now"
        for name in {**then, **now}
        if then.get(name) != now.get(name)
    ]


def _list_versions(environment: Environment) -> dict[str, str]:
    versions = {} if isinstance(environment.python, UnsetType) else {"python": environment.python}
    if not isinstance(environment.packages, UnsetType):
        for package in environment.packages:
            name, _, version = package.partition("==")
            versions[name] = version
    return versions
