"""Tables that name each other's rows: references into nothing, and rows that contradict each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from sqlite3 import Connection
from typing import Any

from gitstore.ledger.tables.schema import MIGRATIONS, PENDING


def list_damage(connection: Connection) -> Iterator[str]:
    """Yield tables, indexes and triggers that are not ours, and what SQLite itself finds wrong."""
    with closing(sqlite3.connect(":memory:")) as fresh:
        for statement in (statement for migration in MIGRATIONS for statement in migration):
            fresh.execute(statement)
        expected = _read_schema(fresh)
    schema = _read_schema(connection)
    for kind, name in sorted({*schema, *expected}):
        if (kind, name) not in schema:
            yield f"the ledger lacks the {kind} {name}"
        elif schema[kind, name] != expected.get((kind, name)):
            yield f"the ledger has a {kind} {name} that gitstore did not make"
    for (problem,) in connection.execute("PRAGMA integrity_check(5)"):
        if problem != "ok":
            yield f"the ledger's file is damaged: {problem}"


def _read_schema(connection: Connection) -> dict[tuple[str, str], str]:
    rows = connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'")
    return {(kind, name): sql for kind, name, sql in rows}


def list_broken(connection: Connection) -> Iterator[str]:
    """Yield rows that name rows which do not exist, and those that contradict each other."""
    for table, row, target, _ in connection.execute("PRAGMA foreign_key_check"):
        yield f"row {row} of {table} names a row of {target} that does not exist"
    for problem, query in _CONTRADICTIONS.items():
        for row in connection.execute(query, {"pending": PENDING}):
            yield problem.format(*row)
    yield from _list_wrong_payers(connection)


_CONTRADICTIONS: Mapping[str, str] = {
    "{0} is deleted, and still has {1} in the ledger": (
        "SELECT owner || '/' || name, CASE WHEN objects OR bytes OR reserved THEN 'sums' ELSE 'rows' END"
        " FROM ledger_models AS m WHERE deleted IS NOT NULL AND (objects OR bytes OR reserved"
        " OR EXISTS (SELECT 1 FROM ledger_objects WHERE model = m.id)"
        " OR EXISTS (SELECT 1 FROM ledger_admissions WHERE model = m.id)"
        " OR EXISTS (SELECT 1 FROM ledger_reservations WHERE model = m.id))"
    ),
    "the next ticket of the ledger is {0}, and {1} is taken": (
        "SELECT next, taken FROM ledger_tickets, (SELECT max("
        " (SELECT coalesce(max(rank), 0) FROM ledger_admissions WHERE rank < :pending),"
        " (SELECT coalesce(max(rank) - :pending, 0) FROM ledger_admissions WHERE rank >= :pending),"
        " (SELECT coalesce(max(since), 0) FROM ledger_objects)) AS taken) WHERE taken >= next"
    ),
    "{0} is based on itself, or on a younger model": (
        "SELECT owner || '/' || name FROM ledger_models WHERE base >= id"
    ),
    "the ledger has no next ticket": "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM ledger_tickets)",
    "{0} {1} is reserved as something else than its push says": (
        "SELECT m.owner || '/' || m.name, a.ref FROM ledger_admissions AS a"
        " JOIN ledger_models AS m ON m.id = a.model WHERE a.rank >= :pending AND NOT EXISTS"
        " (SELECT 1 FROM ledger_changes AS c WHERE c.admission = a.id AND c.model = a.model"
        " AND c.ref = a.ref AND c.new = a.target AND EXISTS"
        " (SELECT 1 FROM ledger_objects AS o WHERE o.model = a.model AND o.oid = a.target))"
    ),
    "the push {0} of {1} is reserved as something else than its ref": (
        "SELECT c.transaction_id, c.ref FROM ledger_changes AS c WHERE NOT EXISTS"
        " (SELECT 1 FROM ledger_reservations AS r WHERE r.transaction_id = c.transaction_id"
        " AND r.model = c.model)"
        " OR (c.new IS NULL) != (c.admission IS NULL)"
        " OR (c.admission IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ledger_admissions AS a"
        " WHERE a.id = c.admission AND a.rank >= :pending AND a.model = c.model"
        " AND a.ref = c.ref AND a.target = c.new))"
    ),
}


def _list_wrong_payers(connection: Connection) -> Iterator[str]:
    """Yield the models whose links nobody pays, or somebody who has nothing to do with them."""
    rows = connection.execute(
        "SELECT m.owner || '/' || m.name, lower(hex(d.oid)) FROM ledger_objects AS d"
        " JOIN ledger_models AS m ON m.id = d.model WHERE d.payer IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM ledger_objects AS p WHERE p.model = d.payer AND p.oid = d.oid"
        " AND p.payer IS NULL AND p.size = d.size)"
    )
    for model, oid in rows:
        yield f"{model} object {oid} is paid by nobody"
    bases: dict[int, Any] = dict(connection.execute("SELECT id, base FROM ledger_models"))
    pairs = connection.execute(
        "SELECT d.model, d.payer, m.owner || '/' || m.name FROM ledger_objects AS d"
        " JOIN ledger_models AS m ON m.id = d.model WHERE d.payer IS NOT NULL GROUP BY d.model, d.payer"
    )
    for model, payer, name in pairs:
        # The payer is older: what they share was in the oldest ancestor, or came later on the way from it.
        if payer >= model or _find_root(bases, payer) != _find_root(bases, model):
            yield f"{name} links objects of model number {payer}, which it does not come from"


def _find_root(bases: Mapping[int, Any], model: int) -> int:
    """Return the oldest ancestor. A base is older than what is derived from it, so this ends."""
    while (base := bases.get(model)) is not None and base < model:
        model = base
    return model
