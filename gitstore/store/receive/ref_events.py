"""The event of a ref that a push, or somebody without a hook, has changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from gitstore.errors import Corrupt
from gitstore.ledger.reservations import shown_ref
from gitstore.models import alias
from gitstore.models.alias import Move
from gitstore.names import spell_alias, spell_snapshot, spell_tag
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
) -> ModelEvent | None:
    """Return the event of a ref that changes; `None` if nobody is told of such a change.

    `model` is "OWNER/MODEL". The ledger gives the event its time and its bytes. Without `outputs`, an event
    of an evaluation has none.
    """
    ref = shown_ref(ref)  # an event is JSON, which has no bytes
    match Namespace.of(ref):
        case Namespace.SNAPSHOT:
            return _describe_snapshot(objects, model, ref, old=old, new=new, user=user)
        case Namespace.STATE:
            return _describe_state(objects, model, ref, old=old, new=new, user=user)
        case Namespace.ALIAS:
            return _describe_alias(objects, model, ref, old=old, new=new, user=user)
        case Namespace.RECORD:
            if new is not None:
                return _describe_record(objects, model, ref, user=user, outputs=outputs)
    return None


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
        target, message = str(found.target), _readable(found.message)
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
    prefix, _, state = ref.removeprefix(Namespace.STATE.value).rpartition("/")
    try:
        tree = str(commit.parse(objects.read_as(Kind.COMMIT, new)).tree)
    except (Corrupt, ValueError):
        tree = None
    return StateCreated(
        time=0, owner=owner, model=name, user=user, state=spell_snapshot(state, prefix), ref=ref,
        commit=str(new), tree=tree, replaced=None if old is None else str(old),
    )  # fmt: skip


def _describe_record(
    objects: ObjectSource, model: str, ref: str, *, user: str | None, outputs: RecordedOutputs | None
) -> ModelEvent | None:
    """Describe an evaluation that was recorded. A record of a training is about a tree, and no event."""
    owner, _, name = model.partition("/")
    target, _, record = ref.removeprefix(Namespace.RECORD.value).partition("/")
    try:
        snapshot = f"{Namespace.SNAPSHOT.value}{tag.parse(objects.read_as(Kind.TAG, Oid.parse(target))).name}"
    except (Corrupt, ValueError):
        return None
    return EvaluationFinished(
        time=0, owner=owner, model=name, user=user, snapshot=spell_tag(snapshot), ref=snapshot, tag=target,
        record=record, outputs=outputs.reader.read(Oid.parse(target), record) if outputs else {},
    )  # fmt: skip


def _describe_alias(
    objects: ObjectSource, model: str, ref: str, *, old: Oid | None, new: Oid | None, user: str | None
) -> ModelEvent | None:
    owner, _, name = model.partition("/")
    now, before = _read_move(objects, new), _read_move(objects, old)
    return AliasMoved(
        time=0, owner=owner, model=name, user=user, alias=spell_alias(ref), ref=ref,
        commit=None if new is None else str(new),
        snapshot=None if now is None else now.new.snapshot,
        tag=None if now is None else str(now.new.tag),
        old_snapshot=None if before is None else before.new.snapshot,
        old_tag=None if before is None else str(before.new.tag),
        message=None if now is None else _readable(now.message),
    )  # fmt: skip


def _read_move(objects: ObjectSource, oid: Oid | None) -> Move | None:
    if oid is None:
        return None
    try:
        return alias.parse_move(oid, objects.read_as(Kind.COMMIT, oid))
    except Corrupt:  # the alias is a branch that somebody made without the hooks
        return None


def _readable(text: str) -> str:
    """Return text as JSON can have it: bytes that are no UTF-8 are replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
