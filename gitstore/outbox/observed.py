"""Which refs the events have told of, so that a later look finds what happened meanwhile.

A store does not need this: its ledger knows what it has admitted. In a local repository, the difference
between the refs that exist and those in this table is what nobody was told of yet. Whoever reads the refs,
appends the events and writes this table does that in one transaction, so no event is lost or doubled.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Connection


def read_refs(connection: Connection) -> dict[str, str]:
    """Return the refs that events have told of, with their ids."""
    return dict(connection.execute("SELECT ref, oid FROM outbox_refs"))


def update_refs(connection: Connection, changes: Mapping[str, str | None]) -> None:
    """Note what refs hold now; `None` is a ref that does not exist any more."""
    connection.executemany(
        "DELETE FROM outbox_refs WHERE ref = ?", [(ref,) for ref, oid in changes.items() if oid is None]
    )
    connection.executemany(
        "INSERT INTO outbox_refs (ref, oid) VALUES (?, ?) ON CONFLICT (ref) DO UPDATE SET oid = excluded.oid",
        [(ref, oid) for ref, oid in changes.items() if oid is not None],
    )
