"""What a snapshot must meet to get an alias: pure functions on what was recorded of it.

A requirement is a text, which people write on the command line and in automation.yaml:

    bench                            an evaluation called bench was recorded
    bench.accuracy >= 0.9            its output accuracy, a scalar, is at least 0.9
    bench.accuracy >= current - 0.01 it is at most 0.01 below that of the snapshot that has the alias now
    bench.digits == current          it is the same output, byte for byte
    metric:loss < current            the last value of a metric of the training of the snapshot's state

Compared with `current`, both evaluations must have had the same inputs. If no snapshot has the alias yet,
such a requirement holds.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UnsetType

from gitstore.names import name_problem
from gitstore.text import quoted

if TYPE_CHECKING:  # files of settings only parse requirements, and their readers start often
    from gitstore.records.of_snapshot import SnapshotRecords
    from gitstore.records.record import EvaluationRecord, Value

_FORM = re.compile(
    r"(?P<term>[^\s<>=]+)"
    r"(?:\s*(?P<operator>>=|<=|==|>|<)\s*"
    r"(?:(?P<number>-?[0-9.]+(?:[eE][-+]?[0-9]+)?)|current(?:\s*(?P<sign>[-+])\s*(?P<margin>[0-9.]+))?))?"
)
_METRIC = "metric:"
_LONGEST = 200
_OPERATORS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, "==": operator.eq, ">": operator.gt, "<": operator.lt,
}  # fmt: skip
EXAMPLE = "bench.accuracy >= 0.9, bench.accuracy >= current, metric:loss < 0.2, or bench"


@dataclass(frozen=True)
class Requirement:
    """A parsed requirement. `text` is as people wrote it.

    It is about the evaluation `record`, or if that is `None` about the metric `output` of the training. If
    `output` is `None`, the record must exist. Without a `number`, it compares with the current snapshot.
    """

    text: str
    record: str | None
    output: str | None = None
    operator: str = "=="
    number: float | None = None
    margin: float = 0.0

    @property
    def compares(self) -> bool:
        """Whether it needs the records of the snapshot that has the alias now."""
        return self.output is not None and self.number is None


@dataclass(frozen=True)
class Finding:
    """Whether a requirement is met. `found` says what was found, as the end of a sentence about it."""

    requirement: Requirement
    holds: bool
    found: str

    def __str__(self) -> str:
        return f"{self.requirement.text} ({self.found})"


def parse(text: str) -> Requirement:
    """Parse a requirement. Raises `ValueError` with what is wrong, as the end of a sentence about it."""
    match = _FORM.fullmatch(text.strip()) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError(f"is no requirement; write {EXAMPLE}")
    term, compares = match["term"], match["operator"] is not None
    record, output = _split_term(term, compares=compares)
    try:
        number = float(match["number"]) if match["number"] is not None else None
        margin = float(match["margin"] or 0) * (-1 if match["sign"] == "-" else 1)
    except ValueError:
        raise ValueError("has a number that cannot be read") from None
    return Requirement(text.strip(), record, output, match["operator"] or "==", number, margin)


def problem(text: str) -> str | None:
    """Return what is wrong with a requirement in a file; `None` if nothing is."""
    try:
        parse(text)
    except ValueError as error:
        return str(error)
    return None


def check(requirement: Requirement, new: SnapshotRecords, current: SnapshotRecords | None) -> Finding:
    """Compare a requirement with the records of a snapshot, and of the one that has the alias now, if any."""
    try:
        return _check(requirement, new, current)
    except _NotMetError as reason:
        return Finding(requirement, False, str(reason))


def list_records(requirements: Sequence[Requirement], records: SnapshotRecords) -> list[EvaluationRecord]:
    """Return the evaluation records that requirements are about, each once."""
    names = {requirement.record for requirement in requirements}
    return [record for record in records.evaluations if record.name in names]


class _NotMetError(Exception):
    """Why a requirement cannot be met."""


def _split_term(term: str, *, compares: bool) -> tuple[str | None, str | None]:
    """Return the record and the output of a term; a metric has no record."""
    if term.startswith(_METRIC):
        metric = term.removeprefix(_METRIC)
        if not compares or not metric:
            raise ValueError(f"needs a comparison; write {_METRIC}NAME < 0.2")
        return None, metric
    record, dot, output = term.rpartition(".") if compares else (term, "", "")
    if compares and not (dot and output):
        raise ValueError(f"compares, but names no output; write {term}.OUTPUT >= 0.9")
    wrong = name_problem(record)
    if wrong is not None:
        raise ValueError(f"is about the record {quoted(record)}, which {wrong}")
    return record, output or None


def _check(requirement: Requirement, new: SnapshotRecords, current: SnapshotRecords | None) -> Finding:
    if requirement.output is None:
        record = _find_record(new, requirement.record)
        return Finding(requirement, True, f"recorded {record.circumstances.date}")
    if not requirement.compares:
        value = _read_number(requirement, new)
        holds = _OPERATORS[requirement.operator](value, requirement.number or 0.0)
        return Finding(requirement, holds, f"it is {value:g}")
    if current is None:
        return Finding(requirement, True, "no snapshot has the alias yet")
    try:
        _check_same_inputs(requirement, new, current)
        if requirement.record is not None and requirement.operator == "==" and not requirement.margin:
            return _check_equal(requirement, new, current)
        before = _read_number(requirement, current)
    except _NotMetError as reason:
        raise _NotMetError(f"it cannot be compared: {reason}") from None
    value = _read_number(requirement, new)
    holds = _OPERATORS[requirement.operator](value, before + requirement.margin)
    return Finding(requirement, holds, f"it is {value:g}, current {before:g}")


def _check_equal(requirement: Requirement, new: SnapshotRecords, current: SnapshotRecords) -> Finding:
    """Compare an output of any kind by its bytes."""
    values = [_find_output(requirement, records) for records in (new, current)]
    holds = values[0].sha256 == values[1].sha256
    return Finding(requirement, holds, f"it {'is the same' if holds else 'differs'}")


def _check_same_inputs(requirement: Requirement, new: SnapshotRecords, current: SnapshotRecords) -> None:
    if requirement.record is None:
        return
    inputs = [
        {value.name: value.sha256 for value in _find_record(records, requirement.record).inputs}
        for records in (new, current)
    ]
    if inputs[0] != inputs[1]:
        raise _NotMetError(f"{requirement.record} had other inputs for the current snapshot")


def _read_number(requirement: Requirement, records: SnapshotRecords) -> float:
    """Return the number that a requirement is about."""
    if requirement.record is None:
        return _read_metric(requirement, records)
    value = _find_output(requirement, records).value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _NotMetError(f"{requirement.output} is not a number")
    return float(value)


def _read_metric(requirement: Requirement, records: SnapshotRecords) -> float:
    metrics = {series.name: series.last for series in records.training.metrics} if records.training else {}
    last = metrics.get(requirement.output or "")
    if last is None or isinstance(last, UnsetType):
        raise _NotMetError(f"no training reported {requirement.output}")
    return last


def _find_output(requirement: Requirement, records: SnapshotRecords) -> Value:
    record = _find_record(records, requirement.record)
    outputs = {value.name: value for value in record.outputs}
    if requirement.output not in outputs:
        raise _NotMetError(f"{record.name} has no output {requirement.output}")
    return outputs[requirement.output]


def _find_record(records: SnapshotRecords, name: str | None) -> EvaluationRecord:
    for record in records.evaluations:
        if record.name == name:
            return record
    raise _NotMetError(f"no evaluation {name} was recorded")
