"""What a settled change leaves: rows of the ledger, and events."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from sqlite3 import Connection

import msgspec

from gitstore.ledger import quotas
from gitstore.ledger.quotas import QuotaUse
from gitstore.ledger.tables import charges, models
from gitstore.ledger.tables.charges import Charge, Gains
from gitstore.ledger.tables.entries import NewRow
from gitstore.ledger.tables.models import LedgerModel
from gitstore.ledger.values import LedgerRow, QuotaNotice, RowKind
from gitstore.outbox.append import append
from gitstore.outbox.events import ModelEvent, QuotaWarning


def list_deleted(model: LedgerModel, leaving: Iterable[Charge]) -> Iterator[NewRow]:
    """Yield one row for each ref: all that was charged to it is taken off."""
    by_ref: dict[str, list[Charge]] = {}
    for charge in leaving:
        by_ref.setdefault(charge.ref, []).append(charge)
    for ref, group in by_ref.items():
        objects, size = sum(charge.objects for charge in group), sum(charge.bytes for charge in group)
        yield NewRow(model, ref, group[-1].tag, RowKind.DELETED, -objects, -size)


def list_inherited(connection: Connection, gains: Gains, *, but: Collection[int] = ()) -> Iterator[NewRow]:
    """Yield one row for each ref that is charged more; not for what is reserved, nor for admissions `but`."""
    heirs = [heir for heir in gains.bytes if heir not in but]
    by_ref: dict[tuple[int, str], list[Charge]] = {}
    for charge in charges.list_charges(connection, heirs):
        if charge.is_settled:
            by_ref.setdefault((charge.model, charge.ref), []).append(charge)
    for (model, ref), group in sorted(by_ref.items()):
        objects = sum(gains.objects[charge.admission] for charge in group)
        size = sum(gains.bytes[charge.admission] for charge in group)
        heir = models.model_by_id(connection, model)
        yield NewRow(heir, ref, group[-1].tag, RowKind.INHERITED, objects, size)


def list_admitted(
    connection: Connection, model: LedgerModel, admissions: Collection[int], *, kind: RowKind
) -> Iterator[NewRow]:
    """Yield one row for each new admission, with all that it is charged."""
    for charge in charges.list_charges(connection, admissions):
        yield NewRow(model, charge.ref, charge.tag, kind, charge.objects, charge.bytes)


def append_events(
    connection: Connection, happened: Iterable[ModelEvent], *, rows: Iterable[LedgerRow], now: int
) -> None:
    """Append the events of refs that moved, with the bytes that their rows say."""
    added: dict[str, int] = {}
    freed: dict[str, int] = {}
    for row in rows:
        if row.kind in {RowKind.ADMITTED, RowKind.DERIVED}:
            added[row.ref] = row.bytes
        elif row.kind is RowKind.DELETED:
            freed[row.ref] = -row.bytes
    for event in happened:
        ref = getattr(event, "ref", "")
        append(connection, complete(event, now=now, added=added.get(ref), freed=freed.get(ref)))


def complete(
    event: ModelEvent, *, now: int, added: int | None = None, freed: int | None = None
) -> ModelEvent:
    """Return an event with its time, and with the bytes that it added or freed, if it says those."""
    known = {"time": now, "added_bytes": added, "freed_bytes": freed}
    fields = {field: known[field] for field in event.__struct_fields__ if known.get(field) is not None}
    return msgspec.structs.replace(event, **fields)


def append_warnings(
    connection: Connection,
    model: LedgerModel,
    before: tuple[QuotaUse, ...],
    *,
    after: tuple[QuotaUse, ...],
    now: int,
) -> tuple[QuotaNotice, ...]:
    """Append an event for each limit that was crossed, and return those limits."""
    crossings = quotas.list_crossings(before, after)
    for notice in crossings:
        append(
            connection,
            QuotaWarning(
                time=now,
                owner=model.owner,
                model=model.name,
                quota=notice.name,
                used_bytes=notice.used,
                limit_bytes=notice.limit,
            ),
        )
    return crossings
