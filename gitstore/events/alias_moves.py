"""The events of an alias: one for each move between two values of its ref."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from gitstore.errors import Corrupt
from gitstore.models import alias as aliases
from gitstore.models.alias import AliasTarget, Move
from gitstore.names import spell_alias, spell_snapshot
from gitstore.objects.paths import ObjectSource
from gitstore.outbox.events import AliasMoved
from gitstore.packs.oid import Kind, Oid
from gitstore.text import readable


def list_alias_events(
    objects: ObjectSource, ref: str, *, old: Oid | None, new: Oid | None, facts: Mapping[str, Any]
) -> Iterator[AliasMoved]:
    """Yield an event for each move that an alias has at `new` and had not at `old`, the first one first.

    Each starts where the one before it ended, the first one at `old`. If there is no such move, one event
    tells that the alias is gone, or went back in its history. `facts` are the keys that all events have; a
    move whose `user` is not known is its author's. Nothing is yielded if `new` is no move that can be read.
    """
    before, last = _read_move(objects, old), old
    if new is None:
        yield _build(ref, None, before=before, last=last, facts=facts)
        return
    moves = aliases.list_new_moves(objects, new, after=old)
    for move in moves:
        told = {
            **facts,
            "user": facts.get("user") or readable(move.author) or None,
            "author": readable(move.author),
            "date": _to_microseconds(move.date),
            "message": readable(move.message),
        }
        yield _build(ref, move, before=before, last=last, facts=told)
        before, last = move, move.commit
    move_back = _read_move(objects, new) if not moves else None
    if move_back is not None:
        yield _build(ref, move_back, before=before, last=last, facts=facts)


def _read_move(objects: ObjectSource, oid: Oid | None) -> Move | None:
    try:
        return aliases.parse_move(oid, objects.read_as(Kind.COMMIT, oid)) if oid is not None else None
    except Corrupt:  # the alias is a branch that somebody made by hand
        return None


def _build(
    ref: str, move: Move | None, *, before: Move | None, last: Oid | None, facts: Mapping[str, Any]
) -> AliasMoved:
    """Return the event of an alias that `move` leads to a snapshot, or that is gone.

    It led to `last` until then, which is the move `before`, if that can be read.
    """
    source = before.new if before is not None else move.old if move is not None else None
    snapshot, tag = _describe(ref, move.new if move is not None else None)
    old_snapshot, old_tag = _describe(ref, source)
    return AliasMoved(
        **facts,
        alias=spell_alias(ref),
        ref=ref,
        commit=None if move is None else str(move.commit),
        snapshot=snapshot,
        tag=tag,
        old_commit=None if last is None else str(last),
        old_snapshot=old_snapshot,
        old_tag=old_tag,
    )


def _describe(ref: str, target: AliasTarget | None) -> tuple[str | None, str | None]:
    """Return a snapshot as its repository names it, and its tag."""
    if target is None:
        return None, None
    prefix = ref.removeprefix(aliases.PREFIX).rpartition("/")[0]
    return spell_snapshot(target.snapshot, prefix), str(target.tag)


def _to_microseconds(date: datetime | None) -> int | None:
    return None if date is None else int(date.timestamp()) * 1_000_000
