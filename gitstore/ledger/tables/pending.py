"""Reading what is reserved and neither settled nor released."""

from __future__ import annotations

import json
from sqlite3 import Connection
from typing import NamedTuple

import msgspec

from gitstore.disk.processes import ProcessId
from gitstore.errors import Corrupt
from gitstore.ledger.tables import models
from gitstore.ledger.tables.entries import parse_kind
from gitstore.ledger.tables.models import LedgerModel
from gitstore.ledger.values import Pending, PendingRef, Quota, Quotas, RowKind
from gitstore.outbox import events
from gitstore.outbox.events import ModelEvent
from gitstore.packs.oid import Oid


class Reserved(NamedTuple):
    """A reservation, as it was recorded."""

    transaction: str
    model: LedgerModel
    kind: RowKind
    quotas: Quotas
    event: ModelEvent | None


class Change(NamedTuple):
    """The change of a ref that is reserved, and its events. `admission` is that of its new value."""

    transaction: str
    ref: str
    old: bytes | None
    new: bytes | None
    admission: int | None
    events: tuple[ModelEvent, ...]


def find_reserved(connection: Connection, transaction: str) -> Reserved | None:
    """Return a reservation; `None` if there is none, or no longer. Raises `Corrupt`."""
    row = connection.execute(
        "SELECT model, kind, quotas, event FROM ledger_reservations WHERE transaction_id = ?",
        (transaction,),
    ).fetchone()
    if row is None:
        return None
    model, kind, limits, event = row
    return Reserved(
        transaction,
        models.model_by_id(connection, model),
        parse_kind(kind),
        _parse_quotas(limits),
        _decode(event),
    )


def list_changes(connection: Connection, transaction: str) -> list[Change]:
    """Return what is left of a reservation, the oldest holder first."""
    return _query(connection, "transaction_id = ?", transaction)


def find_change(connection: Connection, model: int, *, ref: str, new: bytes | None) -> Change | None:
    """Return a reserved change of a ref to a value, the earliest one; `None` if there is none."""
    changes = _query(connection, "model = ? AND ref = ? AND new IS ?", model, ref, new)
    return changes[0] if changes else None


def list_starting(connection: Connection, model: int, *, ref: str, old: bytes | None) -> list[Change]:
    """Return the reserved changes of a ref from a value."""
    return _query(connection, "model = ? AND ref = ? AND old IS ?", model, ref, old)


def _query(connection: Connection, condition: str, *parameters: object) -> list[Change]:
    rows = connection.execute(
        "SELECT transaction_id, ref, old, new, admission, event FROM ledger_changes"  # noqa: S608
        f" WHERE {condition} ORDER BY admission, ref",
        parameters,
    )
    return [
        Change(transaction, ref, old, new, admission, _decode_all(lines))
        for transaction, ref, old, new, admission, lines in rows
    ]


def _decode(event: str | None) -> ModelEvent | None:
    return next(iter(_decode_all(event)), None)


def _decode_all(lines: str | None) -> tuple[ModelEvent, ...]:
    try:
        return events.decode_all(lines)
    except msgspec.MsgspecError as error:
        raise Corrupt(f"an event that the ledger keeps for a push cannot be read: {error}") from error


def list_pending(connection: Connection, model: str | None = None) -> list[Pending]:
    """Return the reservations of a model, or of all models, the oldest first."""
    number = None if model is None else models.get_model(connection, model).id
    rows = connection.execute(
        "SELECT transaction_id, model, pid, started, boot, time FROM ledger_reservations"
        " WHERE ?1 IS NULL OR model = ?1 ORDER BY rowid",
        (number,),
    ).fetchall()
    return [
        Pending(
            transaction,
            models.model_by_id(connection, of_model).full_name,
            ProcessId(*process),
            time,
            tuple(
                PendingRef(change.ref, _oid(change.old), _oid(change.new))
                for change in list_changes(connection, transaction)
            ),
        )
        for transaction, of_model, *process, time in rows
    ]


def _oid(content: bytes | None) -> Oid | None:
    return None if content is None else Oid(content)


def _parse_quotas(text: str) -> Quotas:
    """Return the quotas that a reservation was made with."""
    try:
        owner, model = json.loads(text)
        return Quotas(Quota(*owner), Quota(*model))
    except (ValueError, TypeError) as error:
        raise Corrupt(f"quotas that the ledger keeps for a push cannot be read: {error}") from error
