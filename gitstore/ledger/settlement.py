"""Settling reservations: which of their refs moved, what that is charged, and releasing the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sqlite3 import Connection

from gitstore.ledger import evaluations, record, reservations
from gitstore.ledger.contention import take_from_pending
from gitstore.ledger.layers import list_superseded
from gitstore.ledger.removal import remove
from gitstore.ledger.tables import charges, entries, models, pending
from gitstore.ledger.tables.charges import Charge, Gains
from gitstore.ledger.tables.models import LedgerModel
from gitstore.ledger.tables.pending import Change, Reserved
from gitstore.ledger.tables.schema import PENDING
from gitstore.ledger.values import LedgerRow, RowKind, Settlement
from gitstore.packs.oid import Oid


def settle(
    connection: Connection, transaction: str, refs: Mapping[str, Oid | None], *, now: int
) -> Settlement:
    """Settle a reservation in the caller's transaction. See `Ledger.settle`."""
    reserved = pending.find_reserved(connection, transaction)
    if reserved is None:
        return Settlement(())
    shown = {reservations.shown_ref(ref): oid for ref, oid in refs.items()}
    changes = pending.list_changes(connection, transaction)
    moved = [change for change in changes if _has_moved(connection, reserved.model, change, refs=shown)]
    settlement = settle_changes(connection, reserved, moved, now=now)
    _release_rest(connection, transaction, now=now)
    return settlement


def release(connection: Connection, transaction: str, *, now: int) -> None:
    """Give up a reservation in the caller's transaction."""
    _release_rest(connection, transaction, now=now)


def _has_moved(
    connection: Connection, model: LedgerModel, change: Change, *, refs: Mapping[str, Oid | None]
) -> bool:
    """Whether a ref got the new value: it has it, or another push moved it on from there."""
    if change.ref not in refs:
        return False
    value: bytes | None = refs[change.ref]
    seen = {value}
    while value != change.new:
        later = pending.find_change(connection, model.id, ref=change.ref, new=value)
        if later is None or later.transaction == change.transaction or later.old in seen:
            return False
        value = later.old
        seen.add(value)
    return not _was_faster(connection, model, change)


def _was_faster(connection: Connection, model: LedgerModel, change: Change) -> bool:
    """Whether another push made the same change: the ref is recorded with it, and no change leads on to ours.

    Git refused this one then, whose hook saw the ref as it was before.
    """
    newest = charges.find_newest(connection, model.id, change.ref)
    if newest is None or newest.target != change.new:
        return False
    reached: list[bytes | None] = [newest.target]
    for value in reached:
        reached += [
            other.new
            for other in pending.list_starting(connection, model.id, ref=change.ref, old=value)
            if other.transaction != change.transaction and other.new not in reached
        ]
    return change.old not in reached


def settle_changes(
    connection: Connection, reserved: Reserved, moved: Sequence[Change], *, now: int
) -> Settlement:
    """Settle refs of a reservation that moved, after those changes of others that they started from."""
    for change in moved:
        settle_earlier(connection, reserved.model, ref=change.ref, old=change.old, now=now)
    now = entries.next_time(connection, now)
    before = reservations.measure_settled(connection, reserved.model, reserved.quotas)
    admitted = _settle_ranks(connection, reserved.model, moved)
    leaving = [
        charge
        for change in moved
        for charge in list_superseded(connection, reserved.model.id, change.ref, new=change.admission)
    ]
    gains = remove(connection, leaving)
    rows = _append_rows(connection, reserved, leaving, admitted=admitted, gains=gains, now=now)
    connection.executemany(
        "DELETE FROM ledger_changes WHERE transaction_id = ? AND ref = ?",
        [(change.transaction, change.ref) for change in moved],
    )
    happened = list(evaluations.list_happened(connection, reserved.model.id, moved, rows=rows))
    record.append_events(connection, happened, rows=rows, now=now)
    after = reservations.measure_settled(connection, reserved.model, reserved.quotas)
    warnings = record.append_warnings(connection, reserved.model, before, after=after, now=now)
    if moved and reserved.event is not None:
        record.append_events(connection, [reserved.event], rows=rows, now=now)
        models.note_created(connection, reserved.model.id, now=now)
        connection.execute(
            "UPDATE ledger_reservations SET event = NULL WHERE transaction_id = ?", (reserved.transaction,)
        )
    return Settlement(tuple(rows), warnings)


def settle_earlier(
    connection: Connection, model: LedgerModel, *, ref: str, old: bytes | None, now: int
) -> None:
    """Settle the change that gave a ref the value which a later one started from, if nobody did yet."""
    if old is None:
        return
    newest = charges.find_newest(connection, model.id, ref)
    change = pending.find_change(connection, model.id, ref=ref, new=old)
    if change is not None and (newest is None or newest.target != old):
        reserved = pending.find_reserved(connection, change.transaction)
        if reserved is not None:
            settle_changes(connection, reserved, [change], now=now)


def _settle_ranks(connection: Connection, model: LedgerModel, moved: Sequence[Change]) -> list[int]:
    """Let the admissions of refs that moved take their places, after all that is settled."""
    admissions = [change.admission for change in moved if change.admission is not None]
    waiting = charges.list_charges(connection, admissions)
    if not waiting:
        return []
    (highest,) = connection.execute(
        "SELECT coalesce(max(rank), 0) FROM ledger_admissions WHERE model = ? AND rank < ?",
        (model.id, PENDING),
    ).fetchone()
    ranks = [charge.rank - PENDING for charge in waiting]
    if ranks[0] < highest:  # another push was faster
        first = charges.take_tickets(connection, len(waiting))
        ranks = list(range(first, first + len(waiting)))
    for charge, rank in zip(waiting, ranks, strict=True):
        charges.move(connection, charge, rank)
    take_from_pending(connection, model.id, [charge.admission for charge in waiting])
    return [charge.admission for charge in waiting]


def _append_rows(
    connection: Connection,
    reserved: Reserved,
    leaving: Sequence[Charge],
    *,
    admitted: Sequence[int],
    gains: Gains,
    now: int,
) -> list[LedgerRow]:
    drafts = [
        *record.list_deleted(reserved.model, leaving),
        *record.list_inherited(connection, gains, but=admitted),
        *record.list_admitted(connection, reserved.model, admitted, kind=reserved.kind),
    ]
    return entries.append(connection, drafts, transaction=reserved.transaction, now=now)


def _release_rest(connection: Connection, transaction: str, *, now: int) -> None:
    changes = pending.list_changes(connection, transaction)
    admissions = [change.admission for change in changes if change.admission is not None]
    connection.execute("DELETE FROM ledger_changes WHERE transaction_id = ?", (transaction,))
    gains = remove(connection, charges.list_charges(connection, admissions))
    # What passed to a model that was derived from this one meanwhile is on its bill from now on.
    drafts = record.list_inherited(connection, gains)
    entries.append(connection, drafts, transaction=transaction, now=now)
    reserved = pending.find_reserved(connection, transaction)
    connection.execute("DELETE FROM ledger_reservations WHERE transaction_id = ?", (transaction,))
    # Without its event, a part of it was settled.
    if reserved is not None and reserved.kind is RowKind.DERIVED and reserved.event is not None:
        models.discard_model(connection, reserved.model.id)
