"""What differs between how two states were trained."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import UNSET, UnsetType

from gitstore.errors import GitstoreError
from gitstore.models.model import Model
from gitstore.records import trainings
from gitstore.records.record import Environment, TrainingRecord, Value


@dataclass(frozen=True)
class RecordDifference:
    """A key that two records have different values for; `None` is a record without it.

    `group` is `parameters`, `data`, `metrics`, `environment`, `code` or `base`.
    """

    group: str
    key: str
    first: Any
    second: Any


def compare_states(model: Model, first: str, second: str) -> list[RecordDifference]:
    """List what differs between how two states came to be.

    Raises `NoSuchState`, and `GitstoreError` if nobody recorded it.
    """
    records = []
    for name in (first, second):
        record = trainings.find_state_record(model, name)
        if record is None:
            raise GitstoreError(
                f"nobody recorded how the state {name} was made",
                "gitstore train, state create and new_state of the library record it",
            )
        records.append(record)
    return list_differences(*records)


def list_differences(first: TrainingRecord, second: TrainingRecord) -> list[RecordDifference]:
    """List what differs, group by group. Of a metric, the last value counts. Times are not compared."""
    groups = _describe(first), _describe(second)
    return [
        RecordDifference(group, key, before.get(key), after.get(key))
        for group in groups[0]
        for before, after in [(groups[0][group], groups[1][group])]
        for key in dict.fromkeys([*before, *after])
        if before.get(key) != after.get(key)
    ]


def _describe(record: TrainingRecord) -> dict[str, Mapping[str, Any]]:
    return {
        "parameters": record.parameters,
        "data": {value.name: _describe_value(value) for value in record.data},
        "metrics": {series.name: _or_none(series.last) for series in record.metrics},
        "environment": dict(_describe_environment(record.circumstances.environment)),
        "code": _describe_fields(record.code, "tree", "commit", "differs"),
        "base": _describe_fields(record.base, "name", "tree"),
    }


def _describe_value(value: Value) -> str:
    return f"{value.type} {value.shape} {value.sha256}"


def _describe_environment(environment: Environment | UnsetType) -> Iterator[tuple[str, Any]]:
    """Yield the version of Python and of each package, and what else is known."""
    if isinstance(environment, UnsetType):
        return
    for key in ("python", "platform", "packages_lock", "unlocked"):
        value = getattr(environment, key)
        if value is not UNSET:
            yield key, value
    if not isinstance(environment.packages, UnsetType):
        for package in environment.packages:
            name, _, version = package.partition("==")
            yield name, version


def _describe_fields(values: object, *names: str) -> dict[str, Any]:
    return {name: _or_none(getattr(values, name, UNSET)) for name in names}


def _or_none(value: Any) -> Any:
    return None if value is UNSET else value
