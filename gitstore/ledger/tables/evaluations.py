"""Which evaluations were told, as rows of the ledger's file: each once for a model, by its commit."""

from __future__ import annotations

from sqlite3 import Connection


def add(connection: Connection, model: int, target: bytes, *, row: int) -> bool:
    """Note that a row of the ledger is about an evaluation. Returns whether it is the first one.

    `target` is the commit of the record's files. Another row has the same one if its snapshot has another
    name there, or was removed and has come back.
    """
    known = connection.execute(
        "SELECT 1 FROM ledger_evaluations WHERE model = ? AND target = ? LIMIT 1", (model, target)
    ).fetchone()
    connection.execute("INSERT INTO ledger_evaluations VALUES (?, ?, ?)", (row, model, target))
    return known is None


def list_repeated(connection: Connection) -> set[int]:
    """Return the rows of evaluations that an earlier row is about, too."""
    rows = connection.execute(
        "SELECT row FROM ledger_evaluations AS e WHERE EXISTS (SELECT 1 FROM ledger_evaluations AS f"
        " WHERE f.model = e.model AND f.target = e.target AND f.row < e.row)"
    )
    return {row for (row,) in rows}
