"""What a record says: of an evaluation, and of a training. In a note, each record is a line of JSON.

A key that is not known is left out; none has a made-up value. Sizes are in bytes, durations in seconds,
dates in ISO 8601. SHA-256 is that of the file that the record has, or would have, of a value: see
docs/format.md. Readers ignore keys that they do not know. A line that is no record is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from gitstore.names import name_problem
from gitstore.packs.oid import Oid

_Size = Annotated[int, Meta(ge=0)]


class Value(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An input or output, or data of a training. `file` is its file among those of the record.

    `value` is there for scalars.
    """

    name: str
    type: str
    shape: list[_Size]
    size: _Size
    sha256: str
    file: str | UnsetType = UNSET
    value: Any | UnsetType = UNSET


class Environment(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the code ran with. `packages` are requirements such as `numpy==2.4.6`.

    `packages_lock` is the SHA-256 of packages.lock. If they were `unlocked`, uv chose the packages instead.
    """

    python: str | UnsetType = UNSET
    packages: list[str] | UnsetType = UNSET
    packages_lock: str | UnsetType = UNSET
    platform: str | UnsetType = UNSET
    unlocked: bool = False


class Circumstances(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When, by whom and how an operation ran."""

    date: str
    user: str
    gitstore: str
    durations: dict[str, float]
    environment: Environment | UnsetType = UNSET
    sandbox: dict[str, Any] | UnsetType = UNSET
    peak_memory: _Size | UnsetType = UNSET


class EvaluationRecord(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record"):
    """What a snapshot gave for some inputs. `tree` has the files of the values."""

    name: str
    inputs: list[Value]
    outputs: list[Value]
    tree: str
    circumstances: Circumstances


class Series(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A metric of a training in short. A value that is no finite number is left out."""

    name: str
    count: _Size
    first: float | UnsetType = UNSET
    last: float | UnsetType = UNSET
    lowest: float | UnsetType = UNSET
    highest: float | UnsetType = UNSET


class BaseState(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The state that a training began with. `tree` is missing if it was not saved like this."""

    name: str
    tree: str | UnsetType = UNSET


class Code(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The code of a training: the commit that was checked out, and its code tree, if there was one.

    If it `differs`, files on disk were not as that commit has them.
    """

    differs: bool
    commit: str | UnsetType = UNSET
    tree: str | UnsetType = UNSET


class TrainingRecord(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="record"):
    """How a state came to be. `tree` has the file of the metrics, if there were any.

    `operation` is `train` or `create_state`, if gitstore ran one.
    """

    name: str
    model: str
    operation: str | UnsetType = UNSET
    parameters: dict[str, Any]
    data: list[Value]
    metrics: list[Series]
    circumstances: Circumstances
    base: BaseState | UnsetType = UNSET
    code: Code | UnsetType = UNSET
    tree: str | UnsetType = UNSET


Record = TypeVar("Record", EvaluationRecord, TrainingRecord)


def parse_lines(content: bytes, kind: type[Record]) -> list[Record]:
    """Return the records in a note, oldest first. Of several with one name, the latest counts.

    Lines that are no records of this kind are left out.
    """
    by_name: dict[str, Record] = {}
    for line in content.splitlines():
        record = _parse(line, kind)
        if record is not None:
            other = by_name.get(record.name)
            if other is None or other.circumstances.date <= record.circumstances.date:
                by_name[record.name] = record
    return sorted(by_name.values(), key=lambda record: (record.circumstances.date, record.name))


def add_line(content: bytes, record: Record) -> bytes:
    """Return a note with a record, in place of any of the same name. Other lines stay as they are."""
    return _join([*_drop(content, record.name, type(record)), msgspec.json.encode(record)])


def _drop(content: bytes, name: str, kind: type[Record]) -> list[bytes]:
    parsed = ((line, _parse(line, kind)) for line in content.splitlines())
    return [line for line, record in parsed if record is None or record.name != name]


def _join(lines: Iterable[bytes]) -> bytes:
    content = b"\n".join(lines).strip(b"\n")
    return content + b"\n" if content else b""


def _parse(line: bytes, kind: type[Record]) -> Record | None:
    if not line.startswith(b"{"):
        return None
    try:
        record = msgspec.json.decode(line, type=kind)
    except (msgspec.DecodeError, RecursionError):
        return None
    return record if name_problem(record.name) is None and _has_valid_tree(record) else None


def _has_valid_tree(record: EvaluationRecord | TrainingRecord) -> bool:
    if isinstance(record.tree, UnsetType):
        return True
    try:
        Oid.parse(record.tree)
    except ValueError:
        return False
    return True
