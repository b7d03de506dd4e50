"""What refs hold now, and what is charged to each."""

from __future__ import annotations

from sqlite3 import Connection

from gitstore.ledger.tables.schema import PENDING
from gitstore.ledger.values import Holding
from gitstore.packs.oid import Oid


def list_holdings(connection: Connection, name: str | None = None) -> list[Holding]:
    """Return each ref with its charge, by model and ref; of an owner, or of one model "OWNER/MODEL"."""
    return _query(connection, name, order="m.owner, m.name, a.ref", at_most=-1)


def list_largest(connection: Connection, name: str, at_most: int) -> list[Holding]:
    """Return the refs of an owner or a model that are charged most, the largest first."""
    return _query(connection, name, order="5 DESC, m.owner, m.name, a.ref", at_most=at_most)


def list_refs(connection: Connection, model: int) -> dict[str, Oid]:
    """Return the refs of a model with their values, settled ones only."""
    rows = connection.execute(
        "SELECT ref, target, max(rank) FROM ledger_admissions WHERE model = ? AND rank < ? GROUP BY ref",
        (model, PENDING),
    )
    return {ref: Oid(target) for ref, target, _ in rows}


def _query(connection: Connection, name: str | None, *, order: str, at_most: int) -> list[Holding]:
    owner, _, model = (name or "").partition("/")
    # Of the columns that are not summed up, SQLite takes those of the row with the highest rank.
    rows = connection.execute(
        "SELECT m.owner || '/' || m.name, a.ref, a.target, a.tag, sum(a.bytes), sum(a.objects), max(a.rank)"  # noqa: S608 - no text from outside
        " FROM ledger_models AS m JOIN ledger_admissions AS a ON a.model = m.id AND a.rank < ?1"
        " WHERE m.deleted IS NULL AND (?2 = '' OR m.owner = ?2) AND (?3 = '' OR m.name = ?3)"
        f" GROUP BY m.id, a.ref ORDER BY {order} LIMIT ?4",
        (PENDING, owner, model, at_most),
    )
    return [
        Holding(full_name, ref, Oid(target), None if tag is None else Oid(tag), objects, size)
        for full_name, ref, target, tag, size, objects, _ in rows
    ]
