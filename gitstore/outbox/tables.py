"""The tables of events and deliveries. Their names begin with `outbox_`: they share a file with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection

STATEMENTS = (
    # AUTOINCREMENT: a number is never used again, so that a reader can go on from the last one it saw.
    """CREATE TABLE IF NOT EXISTS outbox_events (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        time INTEGER NOT NULL,
        type TEXT NOT NULL,
        body TEXT NOT NULL,
        selected INTEGER NOT NULL DEFAULT 0
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS outbox_unselected ON outbox_events (number) WHERE selected = 0",
    "CREATE INDEX IF NOT EXISTS outbox_times ON outbox_events (time)",
    """CREATE TABLE IF NOT EXISTS outbox_deliveries (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        event INTEGER NOT NULL REFERENCES outbox_events (number),
        rule TEXT NOT NULL,
        state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed', 'dropped')),
        attempts INTEGER NOT NULL DEFAULT 0,
        due INTEGER NOT NULL,
        lease TEXT,
        leased_until INTEGER,
        UNIQUE (event, rule)
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS outbox_waiting ON outbox_deliveries (due) WHERE state = 'waiting'",
    """CREATE TABLE IF NOT EXISTS outbox_attempts (
        delivery INTEGER NOT NULL REFERENCES outbox_deliveries (number),
        started INTEGER NOT NULL,
        ended INTEGER,
        outcome TEXT,
        detail TEXT
    ) STRICT""",
    "CREATE INDEX IF NOT EXISTS outbox_attempts_of ON outbox_attempts (delivery)",
    """CREATE TABLE IF NOT EXISTS outbox_pruned (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        before INTEGER NOT NULL
    ) STRICT""",
    """CREATE TABLE IF NOT EXISTS outbox_refs (
        ref TEXT PRIMARY KEY,
        oid TEXT NOT NULL
    ) STRICT, WITHOUT ROWID""",
)
"""The statements that create the tables. They may run again, and change nothing then."""


def create_tables(connection: Connection) -> None:
    """Create the tables that do not exist, in the caller's transaction."""
    for statement in STATEMENTS:
        connection.execute(statement)
