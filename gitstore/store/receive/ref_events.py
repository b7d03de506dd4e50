"""The events of a ref that a push, or somebody without a hook, has changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from gitstore.errors import Corrupt
from gitstore.events.alias_moves import list_alias_events
from gitstore.ledger.reservations import shown_ref
from gitstore.names import spell_alias, spell_state, spell_tag, split_record
from gitstore.objects import commit, tag
from gitstore.objects.paths import ObjectSource
from gitstore.outbox.events import (
    AliasMoved,
    EvaluationFinished,
    ModelEvent,
    SnapshotCreated,
    SnapshotDeleted,
    StateCreated,
)
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.refs import Namespace
from gitstore.text import readable

if TYPE_CHECKING:
    from gitstore.records.outputs import OutputReader


class RecordedOutputs:
    """Reads what recorded evaluations gave. A push without records imports nothing for that.

    `find_ref` returns what a ref has after all changes.
    """

    def __init__(self, objects: ObjectSource, find_ref: Callable[[str], Oid | None]) -> None:
        self._objects = objects
        self._find_ref = find_ref

    @cached_property
    def reader(self) -> OutputReader:
        from gitstore.records.evaluations import NOTES
        from gitstore.records.outputs import OutputReader

        return OutputReader(self._objects, self._find_ref(NOTES))


def describe_change(
    objects: ObjectSource,
    model: str,
    ref: str,
    *,
    old: Oid | None,
    new: Oid | None,
    user: str | None = None,
    outputs: RecordedOutputs | None = None,
) -> tuple[ModelEvent, ...]:
    """Return the events of a ref that changes, in order: one for each move of an alias, else one at most.

    `model` is "OWNER/MODEL". The ledger gives the events their time and their bytes, and that of an
    evaluation its snapshot. Without `outputs`, such an event has none.
    """
    ref = shown_ref(ref)  # an event is JSON, which has no bytes
    event: ModelEvent | None = None
    match Namespace.of(ref):
        case Namespace.SNAPSHOT:
            event = _describe_snapshot(objects, model, ref, old=old, new=new, user=user)
        case Namespace.STATE:
            event = _describe_state(objects, model, ref, old=old, new=new, user=user)
        case Namespace.ALIAS:
            return tuple(_describe_moves(objects, model, ref, old=old, new=new, user=user))
        case Namespace.RECORD if new is not None:
            event = _describe_record(model, ref, new=new, user=user, outputs=outputs)
    return () if event is None else (event,)


def _describe_snapshot(
    objects: ObjectSource, model: str, ref: str, *, old: Oid | None, new: Oid | None, user: str | None
) -> ModelEvent | None:
    owner, _, name = model.partition("/")
    snapshot = spell_tag(ref)
    if new is None:
        return SnapshotDeleted(
            time=0, owner=owner, model=name, user=user, snapshot=snapshot, ref=ref, tag=str(old)
        )
    target, message = None, None
    try:
        found = tag.parse(objects.read_as(Kind.TAG, new))
        target, message = str(found.target), readable(found.message)
    except (Corrupt, ValueError):  # somebody made a tag that is no snapshot, without the hooks
        pass
    return SnapshotCreated(
        time=0, owner=owner, model=name, user=user,
        snapshot=snapshot, ref=ref, tag=str(new), commit=target, message=message,
    )  # fmt: skip


def _describe_state(
    objects: ObjectSource, model: str, ref: str, *, old: Oid | None, new: Oid | None, user: str | None
) -> ModelEvent | None:
    owner, _, name = model.partition("/")
    if new is None:
        return None
    try:
        tree = str(commit.parse(objects.read_as(Kind.COMMIT, new)).tree)
    except (Corrupt, ValueError):
        tree = None
    return StateCreated(
        time=0, owner=owner, model=name, user=user, state=spell_state(ref), ref=ref,
        commit=str(new), tree=tree, replaced=None if old is None else str(old),
    )  # fmt: skip


def _describe_record(
    model: str, ref: str, *, new: Oid, user: str | None, outputs: RecordedOutputs | None
) -> ModelEvent | None:
    """Describe an evaluation that was recorded. The ledger knows the snapshot, or waits for it."""
    owner, _, name = model.partition("/")
    parts = split_record(ref)
    if parts is None:
        return None
    target, record = parts
    return EvaluationFinished(
        time=0, owner=owner, model=name, user=user, snapshot="", ref="", tag=target,
        record=record, commit=str(new),
        outputs=outputs.reader.read(Oid.parse(target), record) if outputs else {},
    )  # fmt: skip


def _describe_moves(
    objects: ObjectSource, model: str, ref: str, *, old: Oid | None, new: Oid | None, user: str | None
) -> Iterator[ModelEvent]:
    owner, _, name = model.partition("/")
    facts: dict[str, Any] = {"time": 0, "owner": owner, "model": name, "user": user}
    moves = list(list_alias_events(objects, ref, old=old, new=new, facts=facts))
    yield from moves
    if not moves:  # it is no alias: somebody made the ref without the hooks
        yield AliasMoved(
            **facts, alias=spell_alias(ref), ref=ref, commit=str(new), snapshot=None, tag=None,
            old_commit=None if old is None else str(old),
        )  # fmt: skip
