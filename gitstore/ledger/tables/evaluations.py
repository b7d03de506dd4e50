"""Which evaluations were told, as rows of the ledger's file: each once for a model, by its commit."""

from __future__ import annotations

from sqlite3 import Connection


def add(connection: Connection, model: int, target: bytes, *, row: int) -> bool:
    """Note that a row of the ledger is about an evaluation that is there with its snapshot.

    Returns whether it is the first one.

    `target` is the commit of the record's files. Another row has the same one if its snapshot has another
    name there, or was removed and has come back.
    """
    known = connection.execute(
        "SELECT 1 FROM ledger_evaluations WHERE model = ? AND target = ? LIMIT 1", (model, target)
    ).fetchone()
    connection.execute("INSERT INTO ledger_evaluations VALUES (?, ?, ?)", (row, model, target))
    return known is None


def read(connection: Connection) -> dict[int, tuple[int, bytes]]:
    """Return the model and the commit that rows are about, by their numbers."""
    rows = connection.execute("SELECT row, model, target FROM ledger_evaluations")
    return {row: (model, target) for row, model, target in rows}
