"""What the operator and `rm` do: models that come and go, and refs that are deleted."""

from __future__ import annotations

from collections.abc import Mapping
from sqlite3 import Connection

from gitstore.ledger import record
from gitstore.ledger.removal import remove, remove_model
from gitstore.ledger.reservations import shown_ref
from gitstore.ledger.settlement import settle_earlier
from gitstore.ledger.tables import charges, entries, models
from gitstore.ledger.tables.charges import Charge
from gitstore.ledger.tables.models import LedgerModel
from gitstore.ledger.values import Settlement
from gitstore.outbox.append import append
from gitstore.outbox.events import ModelEvent
from gitstore.packs.oid import Oid


def create(connection: Connection, model: str, *, now: int, event: ModelEvent | None) -> None:
    """Record a new model in the caller's transaction, with its event, unless it is recorded."""
    if models.find_model(connection, model) is None:
        now = entries.next_time(connection, now)
        models.add_model(connection, model, now=now)
        if event is not None:
            append(connection, record.complete(event, now=now))


def delete(
    connection: Connection,
    full_name: str,
    refs: Mapping[str, Oid | None],
    *,
    transaction: str,
    now: int,
    events: Mapping[str, ModelEvent],
) -> Settlement:
    """Record deleted refs in the caller's transaction. See `Ledger.delete`."""
    model = models.get_model(connection, full_name)
    leaving: list[Charge] = []
    gone: list[ModelEvent] = []
    for ref, old in refs.items():
        settle_earlier(connection, model, ref=shown_ref(ref), old=old, now=now)
        newest = charges.find_newest(connection, model.id, shown_ref(ref))
        if newest is not None and old in {None, newest.target}:
            leaving += charges.list_settled(connection, model.id, shown_ref(ref))
            gone += [events[ref]] if ref in events else []
    now = entries.next_time(connection, now)
    gains = remove(connection, leaving)
    drafts = [*record.list_deleted(model, leaving), *record.list_inherited(connection, gains)]
    rows = entries.append(connection, drafts, transaction=transaction, now=now)
    record.append_events(connection, gone, rows=rows, now=now)
    return Settlement(tuple(rows))


def delete_model(
    connection: Connection, full_name: str, *, transaction: str, now: int, event: ModelEvent | None
) -> Settlement:
    """Record that a model is gone, in the caller's transaction. See `Ledger.delete_model`."""
    model = models.find_model(connection, full_name)
    if model is None:
        return Settlement(())
    leaving = charges.list_all_settled(connection, model.id)
    _drop_reservations(connection, model)
    now = entries.next_time(connection, now)
    gains = remove_model(connection, model.id)
    drafts = [*record.list_deleted(model, leaving), *record.list_inherited(connection, gains)]
    rows = entries.append(connection, drafts, transaction=transaction, now=now)
    models.forget_model(connection, model.id, now=now)
    if event is not None:
        freed = sum(charge.bytes for charge in leaving)
        append(connection, record.complete(event, now=now, freed=freed))
    return Settlement(tuple(rows))


def _drop_reservations(connection: Connection, model: LedgerModel) -> None:
    connection.execute("DELETE FROM ledger_changes WHERE model = ?", (model.id,))
    connection.execute("DELETE FROM ledger_reservations WHERE model = ?", (model.id,))
