"""Who is charged for how much: changes of the sums that admissions and models carry."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from sqlite3 import Connection
from typing import NamedTuple

from gitstore.ledger.tables import models
from gitstore.ledger.tables.schema import PENDING


class Charge(NamedTuple):
    """An admission with what is charged to it."""

    admission: int
    model: int
    ref: str
    target: bytes
    tag: bytes | None
    rank: int
    objects: int
    bytes: int

    @property
    def is_settled(self) -> bool:
        return self.rank < PENDING


class Gains(NamedTuple):
    """What admissions are charged in addition: objects and bytes by admission."""

    objects: dict[int, int]
    bytes: dict[int, int]

    @classmethod
    def none(cls) -> Gains:
        return cls(defaultdict(int), defaultdict(int))

    def add(self, admission: int, size: int) -> None:
        """Count one more object."""
        self.objects[admission] += 1
        self.bytes[admission] += size


def list_charges(connection: Connection, admissions: Collection[int]) -> list[Charge]:
    """Return admissions with their charges, the oldest first."""
    charges = [charge for admission in admissions for charge in _query(connection, "id = ?", admission)]
    return sorted(charges, key=lambda charge: charge.rank)


def list_settled(connection: Connection, model: int, ref: str) -> list[Charge]:
    """Return the admissions of a ref that are settled, the oldest first."""
    return list(_query(connection, "model = ? AND ref = ? AND rank < ? ORDER BY rank", model, ref, PENDING))


def list_all_settled(connection: Connection, model: int) -> list[Charge]:
    """Return the settled admissions of a model, the oldest first."""
    return list(_query(connection, "model = ? AND rank < ? ORDER BY rank", model, PENDING))


def find_newest(connection: Connection, model: int, ref: str) -> Charge | None:
    """Return the admission whose value a ref has; `None` if it has none."""
    condition = "model = ? AND ref = ? AND rank < ? ORDER BY rank DESC LIMIT 1"
    return next(iter(_query(connection, condition, model, ref, PENDING)), None)


def list_pending(connection: Connection, model: int) -> list[Charge]:
    """Return the admissions of a model that are reserved and not settled, the oldest first."""
    return list(_query(connection, "model = ? AND rank >= ? ORDER BY rank", model, PENDING))


def _query(connection: Connection, condition: str, *parameters: object) -> Iterable[Charge]:
    rows = connection.execute(
        f"SELECT id, model, ref, target, tag, rank, objects, bytes FROM ledger_admissions WHERE {condition}",  # noqa: S608
        parameters,
    )
    return map(Charge._make, rows)


def apply(connection: Connection, gains: Gains) -> None:
    """Add to the sums of admissions and of their models."""
    connection.executemany(
        "UPDATE ledger_admissions SET objects = objects + ?, bytes = bytes + ? WHERE id = ?",
        [(gains.objects[admission], size, admission) for admission, size in gains.bytes.items()],
    )
    for charge in list_charges(connection, gains.bytes):
        _count(connection, charge, gains.objects[charge.admission], size=gains.bytes[charge.admission])


def remove(connection: Connection, charges: Iterable[Charge]) -> None:
    """Delete admissions that no object is charged to any more, and take them off the sums of their models."""
    for charge in charges:
        _count(connection, charge, -charge.objects, size=-charge.bytes)
        connection.execute("DELETE FROM ledger_admissions WHERE id = ?", (charge.admission,))


def move(connection: Connection, charge: Charge, rank: int) -> None:
    """Give an admission another rank, and count it among what is settled then, or among what is not."""
    _count(connection, charge, -charge.objects, size=-charge.bytes)
    _count(connection, charge._replace(rank=rank), charge.objects, size=charge.bytes)
    connection.execute(
        "UPDATE ledger_admissions SET rank = ? WHERE id = ?",
        (rank, charge.admission),
    )


def _count(connection: Connection, charge: Charge, objects: int, *, size: int) -> None:
    if charge.is_settled:
        models.count(connection, charge.model, objects=objects, size=size, reserved=0)
    else:
        models.count(connection, charge.model, objects=0, size=0, reserved=size)


def take_tickets(connection: Connection, count: int) -> int:
    """Return the first of so many new ranks, which are higher than all that were taken before."""
    (first,) = connection.execute("SELECT next FROM ledger_tickets").fetchone()
    connection.execute("UPDATE ledger_tickets SET next = next + ?", (count,))
    return int(first)
