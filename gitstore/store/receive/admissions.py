"""What a push adds, as the ledger has it: an admission for each ref, with its events."""

from __future__ import annotations

from gitstore.ledger.values import Admission
from gitstore.outbox.events import ModelEvent
from gitstore.packs.oid import Oid
from gitstore.policy.push import RefMove
from gitstore.store.access import User
from gitstore.store.receive.facts import Facts
from gitstore.store.receive.needed import FindLive, list_needed
from gitstore.store.receive.ref_events import RecordedOutputs, describe_change
from gitstore.store.store import StoreModel


def list_admissions(model: StoreModel, facts: Facts, find_live: FindLive, *, user: User) -> list[Admission]:
    """Return an admission for each ref that a push moves, in the order in which objects are charged.

    The ledger gives the events their time. Raises `Corrupt` if an object cannot be read.
    """

    def find_ref(ref: str) -> Oid | None:
        return after[ref] if ref in after else model.repository.refs.get(ref)

    def describe(move: RefMove) -> tuple[ModelEvent, ...]:
        return describe_change(
            facts.quarantine, model.full_name, move.ref,
            old=move.old, new=move.new, user=user.name or None, outputs=outputs,
        )  # fmt: skip

    after = {move.ref: move.new for move in facts.push.moves}
    outputs = RecordedOutputs(facts.quarantine, find_ref)
    moves = {move.ref: move for move in facts.push.moves}
    admissions = []
    for ref, tag, objects in list_needed(facts, find_live):
        move = moves.pop(ref)
        admissions.append(
            Admission(ref=ref, old=move.old, new=move.new, tag=tag, objects=objects, events=describe(move))
        )
    deleted = (
        Admission(ref=move.ref, old=move.old, new=move.new, events=describe(move)) for move in moves.values()
    )
    return [*admissions, *deleted]
