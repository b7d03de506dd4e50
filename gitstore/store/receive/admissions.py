"""What a push adds, as the ledger has it: an admission for each ref, with its event."""

from __future__ import annotations

from gitstore.ledger.values import Admission
from gitstore.names import spell_tag
from gitstore.outbox.events import ModelEvent, SnapshotCreated, StateCreated
from gitstore.packs.oid import Oid
from gitstore.policy.push import PushedSnapshot, RefMove
from gitstore.store.access import User
from gitstore.store.receive.facts import Facts
from gitstore.store.receive.needed import FindLive, list_needed
from gitstore.store.store import StoreModel

_STATES = "refs/states/"


def list_admissions(
    model: StoreModel, facts: Facts, find_live: FindLive, *, user: User, now: int
) -> list[Admission]:
    """Return an admission for each ref that a push moves, in the order in which objects are charged.

    Raises `Corrupt` if an object cannot be read.
    """
    snapshots = {snapshot.ref: snapshot for snapshot in facts.push.snapshots}
    moves = {move.ref: move for move in facts.push.moves}
    admissions = []
    for ref, tag, objects in list_needed(facts, find_live):
        move = moves.pop(ref)
        event = _make_event(model, move, snapshots.get(ref), user=user, now=now)
        admissions.append(
            Admission(ref=ref, old=move.old, new=move.new, tag=tag, objects=objects, event=event)
        )
    return admissions + [Admission(ref=move.ref, old=move.old, new=move.new) for move in moves.values()]


def _make_event(
    model: StoreModel, move: RefMove, snapshot: PushedSnapshot | None, *, user: User, now: int
) -> ModelEvent | None:
    """Return the event of a ref that has a new value; `None` if nobody waits for such a thing."""
    if move.new is None:
        return None
    name = user.name or None
    if snapshot is not None:
        return SnapshotCreated(
            time=now, owner=model.owner, model=model.name, user=name, snapshot=spell_tag(move.ref),
            ref=move.ref, tag=str(move.new), commit=str(snapshot.tag.target), message=snapshot.tag.message,
        )  # fmt: skip
    if move.ref.startswith(_STATES):
        return StateCreated(
            time=now, owner=model.owner, model=model.name, user=name, state=_spell_state(move.ref),
            ref=move.ref, commit=str(move.new), replaced=_text(move.old),
        )  # fmt: skip
    return None


def _spell_state(ref: str) -> str:
    prefix, _, name = ref.removeprefix(_STATES).rpartition("/")
    return f"{prefix}@{name}" if prefix else name


def _text(oid: Oid | None) -> str | None:
    return str(oid) if oid is not None else None
