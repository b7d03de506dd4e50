"""What can happen to models: one struct for each event, with the keys of its JSON.

docs/automation.md describes each key. Keys may be added; none is removed or changes its meaning. Times are
integers of microseconds since 1970 UTC, sizes are bytes. A key that does not apply, or that nobody knows, is
null. Snapshots are written as their repository has them: `v1`, or `dogs@v1` of a derived model there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct


class ModelEvent(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Something that has happened to a model.

    `owner` and `model` are those of a store. In a local repository `owner` is null, and `model` is the root
    model. `user` is who did it, if that is known.
    """

    time: int
    owner: str | None = None
    model: str
    user: str | None = None

    @property
    def full_name(self) -> str:
        """The model's name in a store, OWNER/MODEL; the name alone in a local repository."""
        return f"{self.owner}/{self.model}" if self.owner is not None else self.model

    @property
    def subject(self) -> str:
        """What the event is about: a snapshot, a state, an alias; for a model or a quota, the full name."""
        return self.full_name


class SnapshotEvent(ModelEvent, frozen=True, kw_only=True):
    """Something that has happened to a snapshot."""

    snapshot: str
    ref: str
    tag: str

    @property
    def subject(self) -> str:
        return self.snapshot


class SnapshotCreated(SnapshotEvent, frozen=True, kw_only=True, tag="snapshot.created"):
    """A snapshot was taken here, or arrived with a push or a pull. `added_bytes` are new to the packs."""

    commit: str | None = None
    message: str | None = None
    added_bytes: int | None = None


class SnapshotDeleted(SnapshotEvent, frozen=True, kw_only=True, tag="snapshot.deleted"):
    """A snapshot was removed. `freed_bytes` are no longer charged."""

    freed_bytes: int | None = None


class SnapshotRenamed(SnapshotEvent, frozen=True, kw_only=True, tag="snapshot.renamed"):
    """A snapshot has another name, and another tag. `old_snapshot`, `old_ref` and `old_tag` are the first."""

    old_snapshot: str
    old_ref: str
    old_tag: str


class StateCreated(ModelEvent, frozen=True, kw_only=True, tag="state.created"):
    """A state was saved. `replaced` is the commit that had the name before."""

    state: str
    ref: str
    commit: str
    tree: str | None = None
    replaced: str | None = None
    added_bytes: int | None = None

    @property
    def subject(self) -> str:
        return self.state


class ModelCreated(ModelEvent, frozen=True, kw_only=True, tag="model.created"):
    """A model was created."""


class ModelDerived(ModelEvent, frozen=True, kw_only=True, tag="model.derived"):
    """A model was derived from a snapshot. `derived` is its name if it is in the repository of `model`.

    `base` is the snapshot that it is based on: MODEL@SNAPSHOT, with OWNER/ in front in a store.
    """

    base: str
    base_tag: str | None = None
    derived: str | None = None

    @property
    def subject(self) -> str:
        return self.derived if self.derived is not None else self.full_name


class ModelDeleted(ModelEvent, frozen=True, kw_only=True, tag="model.deleted"):
    """A model was removed. `derived` is its name if it was a derived model in the repository of `model`."""

    derived: str | None = None
    freed_bytes: int | None = None

    @property
    def subject(self) -> str:
        return self.derived if self.derived is not None else self.full_name


class AliasMoved(ModelEvent, frozen=True, kw_only=True, tag="alias.moved"):
    """An alias was set, moved or removed. `commit` is the move in the alias's history.

    `old_commit`, `old_snapshot` and `old_tag` are what it led to before; null if the alias is new. `commit`,
    `snapshot` and `tag` are null if it was removed. `author`, `date` and `message` are the move's own.
    """

    alias: str
    ref: str
    commit: str | None
    snapshot: str | None
    tag: str | None
    old_commit: str | None = None
    old_snapshot: str | None = None
    old_tag: str | None = None
    author: str | None = None
    date: int | None = None
    message: str | None = None

    @property
    def subject(self) -> str:
        return self.alias


class EvaluationFinished(SnapshotEvent, frozen=True, kw_only=True, tag="evaluation.finished"):
    """A recorded evaluation has finished. `outputs` has the values of its scalars, by name.

    `commit` is that of the record's files: an evaluation keeps it when its snapshot gets another name.
    """

    record: str
    commit: str | None = None
    outputs: dict[str, Any] = {}


class EvaluationFailed(SnapshotEvent, frozen=True, kw_only=True, tag="evaluation.failed"):
    """An evaluation that should have been recorded has failed. `reason` is one line."""

    record: str
    kind: str | None = None
    reason: str


class QuotaWarning(ModelEvent, frozen=True, kw_only=True, tag="quota.warning"):
    """A quota is used to 80 % or more. `quota` is the OWNER or OWNER/MODEL that it is for."""

    quota: str
    used_bytes: int
    limit_bytes: int

    @property
    def subject(self) -> str:
        return self.quota


AnyEvent: TypeAlias = (
    SnapshotCreated
    | SnapshotDeleted
    | SnapshotRenamed
    | StateCreated
    | ModelCreated
    | ModelDerived
    | ModelDeleted
    | AliasMoved
    | EvaluationFinished
    | EvaluationFailed
    | QuotaWarning
)

EVENT_TYPES: dict[str, type[ModelEvent]] = {
    str(event.__struct_config__.tag): event
    for event in (
        SnapshotCreated, SnapshotDeleted, SnapshotRenamed, StateCreated, ModelCreated, ModelDerived,
        ModelDeleted, AliasMoved, EvaluationFinished, EvaluationFailed, QuotaWarning,
    )
}  # fmt: skip
"""The events by their types, such as `snapshot.created`."""


def type_of(event: ModelEvent) -> str:
    """Return the type of an event, such as `snapshot.created`."""
    return str(event.__struct_config__.tag)


def encode(event: ModelEvent) -> bytes:
    """Return an event as JSON, with its `type`."""
    return msgspec.json.encode(event)


def encode_all(events: Iterable[ModelEvent]) -> str | None:
    """Return events as lines of JSON; `None` if there are none."""
    return "\n".join(encode(event).decode() for event in events) or None


def decode_all(lines: str | None) -> tuple[AnyEvent, ...]:
    """Return the events in lines of JSON. Raises like `decode`."""
    return tuple(map(decode, lines.split("\n"))) if lines is not None else ()


def decode(body: bytes | str) -> AnyEvent:
    """Return the event in JSON. Raises `msgspec.DecodeError` for anything else."""
    event: AnyEvent = msgspec.json.decode(body, type=AnyEvent)
    return event
