"""Reservations: what a push will add, admitted before any ref moves, but after all that is settled."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from gitstore.disk.processes import ProcessId
from gitstore.ledger import quotas
from gitstore.ledger.charging import list_new, order_refs
from gitstore.ledger.quotas import QuotaUse
from gitstore.ledger.tables import charges, graph
from gitstore.ledger.tables.charges import Gains
from gitstore.ledger.tables.graph import NewObjects, Payment
from gitstore.ledger.tables.holdings import list_largest
from gitstore.ledger.tables.models import LedgerModel
from gitstore.ledger.tables.schema import PENDING
from gitstore.ledger.values import (
    UNLIMITED,
    Admission,
    NotLive,
    QuotaExceeded,
    Quotas,
    Reservation,
    RowKind,
    StoredObject,
)
from gitstore.outbox import events
from gitstore.outbox.events import ModelEvent
from gitstore.packs.oid import Oid


class Request(NamedTuple):
    """A reservation that somebody asks for. `base` is the model that a new one is derived from."""

    transaction: str
    process: ProcessId
    now: int
    quotas: Quotas
    base: LedgerModel | None = None
    event: ModelEvent | None = None


def reserve(
    connection: Connection, model: LedgerModel, admissions: Sequence[Admission], *, request: Request
) -> Reservation:
    """Reserve what a push will add, in the caller's transaction. See `Ledger.reserve`."""
    ordered = sorted(admissions, key=lambda admission: order_refs(admission.ref))
    ids = _find_known(connection, model, ordered)
    new = _list_new(ordered, ids.__contains__)
    payments = _find_payments(connection, request.base, new)
    paid = [item.size for objects in new for oid, item in objects.items() if oid not in payments]
    needed = sum(paid)
    uses = measure(connection, model, request.quotas)
    exceeded = quotas.find_exceeded(uses, needed)
    if exceeded is not None:
        raise _explain(connection, exceeded, needed)
    _record(connection, model, request)
    inserted = _insert_admissions(connection, model, ordered, request=request, new=new)
    graph.insert(connection, model.id, inserted, ids=ids, payments=payments)
    _charge(connection, inserted, payments)
    warnings = quotas.list_notices(uses, needed)
    return Reservation(request.transaction, len(paid), needed, warnings)


def _find_known(
    connection: Connection, model: LedgerModel, admissions: Sequence[Admission]
) -> dict[bytes, int]:
    """Return the numbers of those objects that the ledger has, of all that the admissions name."""
    names: set[Oid] = set()
    for admission in admissions:
        if admission.new is not None:
            names.add(admission.new)
    for objects in _distinct(admissions):
        names.update(objects)
        for item in objects.values():
            names.update(item.children)
    return graph.find_ids(connection, model.id, oids=names)


def _distinct(admissions: Sequence[Admission]) -> Collection[Mapping[Oid, StoredObject]]:
    """Return the objects of admissions; those that share one mapping name it once."""
    return {id(admission.objects): admission.objects for admission in admissions}.values()


def _list_new(
    admissions: Sequence[Admission], is_known: Callable[[Oid], bool]
) -> list[dict[Oid, StoredObject]]:
    """Return the new objects of each admission. Raises `NotLive` for one that neither it nor we have."""
    objects = {oid: item for mapping in _distinct(admissions) for oid, item in mapping.items()}
    charged: set[Oid] = set()
    lacking: list[Oid] = []

    def list_children(oid: Oid) -> tuple[Oid, ...]:
        item = objects.get(oid)
        if item is None:
            lacking.append(oid)
            return ()
        return item.children

    def is_charged(oid: Oid) -> bool:
        return oid in charged or is_known(oid)

    new = []
    for admission in admissions:
        target = admission.new
        oids = [] if target is None else list_new(target, list_children, is_charged=is_charged)
        charged.update(oids)
        new.append(oids)
    if lacking:
        raise NotLive(tuple(lacking))
    return [{oid: objects[oid] for oid in oids} for oids in new]


def _find_payments(
    connection: Connection, base: LedgerModel | None, new: Sequence[dict[Oid, StoredObject]]
) -> dict[bytes, Payment]:
    if base is None:
        return {}
    return graph.find_payments(connection, base.id, oids=[oid for objects in new for oid in objects])


def measure(connection: Connection, model: LedgerModel, limits: Quotas) -> tuple[QuotaUse, ...]:
    """Return what the owner and the model use, charged and reserved, beside their quotas."""
    return _measure(connection, model, limits, reserved=1)


def measure_settled(connection: Connection, model: LedgerModel, limits: Quotas) -> tuple[QuotaUse, ...]:
    """Return what the owner and the model are charged, beside their quotas."""
    return _measure(connection, model, limits, reserved=0)


def _measure(
    connection: Connection, model: LedgerModel, limits: Quotas, *, reserved: int
) -> tuple[QuotaUse, ...]:
    if limits == UNLIMITED:
        return ()
    (whole, own) = connection.execute(
        "SELECT sum(bytes + ?1 * reserved), sum(CASE WHEN id = ?2 THEN bytes + ?1 * reserved ELSE 0 END)"
        " FROM ledger_models WHERE owner = ?3 AND deleted IS NULL",
        (reserved, model.id, model.owner),
    ).fetchone()
    return (
        QuotaUse(model.owner, limits.owner, whole),
        QuotaUse(model.full_name, limits.model, own),
    )


def _explain(connection: Connection, use: QuotaUse, needed: int) -> QuotaExceeded:
    limit = use.quota.hard or 0
    return QuotaExceeded(
        use.name,
        needed=needed,
        left=max(limit - use.used, 0),
        limit=limit,
        largest=tuple(list_largest(connection, use.name, 3)),
    )


def _record(connection: Connection, model: LedgerModel, request: Request) -> None:
    kind = RowKind.ADMITTED if request.base is None else RowKind.DERIVED
    limits = json.dumps(request.quotas)
    event = None if request.event is None else events.encode(request.event).decode()
    connection.execute(
        "INSERT INTO ledger_reservations VALUES (?,?,?,?,?,?,?,?,?)",
        (
            request.transaction, model.id, str(kind), *request.process, request.now, limits,
            event,
        ),
    )  # fmt: skip


def _insert_admissions(
    connection: Connection,
    model: LedgerModel,
    admissions: Sequence[Admission],
    *,
    request: Request,
    new: Sequence[dict[Oid, StoredObject]],
) -> list[NewObjects]:
    """Insert the refs of a reservation. Returns their new objects, with the numbers of the admissions."""
    ticket = charges.take_tickets(connection, len(admissions))
    inserted = []
    for i, (admission, objects) in enumerate(zip(admissions, new, strict=True)):
        number = None
        if admission.new is not None:
            number = connection.execute(
                "INSERT INTO ledger_admissions (model, ref, target, tag, rank) VALUES (?,?,?,?,?)",
                (model.id, shown_ref(admission.ref), admission.new, admission.tag, PENDING + ticket + i),
            ).lastrowid
            inserted.append(NewObjects(number or 0, ticket + i, objects))
        connection.execute(
            "INSERT INTO ledger_changes VALUES (?,?,?,?,?,?,?)",
            (
                request.transaction, model.id, shown_ref(admission.ref), admission.old, admission.new, number,
                events.encode_all(admission.events),
            ),
        )  # fmt: skip
    return inserted


def _charge(connection: Connection, inserted: Sequence[NewObjects], payments: dict[bytes, Payment]) -> None:
    gains = Gains.none()
    for admission, _, objects in inserted:
        for oid, item in objects.items():
            if oid not in payments:
                gains.add(admission, item.size)
    charges.apply(connection, gains)


def shown_ref(ref: str) -> str:
    r"""Return a ref as the ledger writes it: bytes that are no UTF-8 as `\xff`, which no ref contains."""
    return ref.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
