"""The table of refs that events have told of."""

from __future__ import annotations

import sqlite3
from contextlib import closing

from gitstore.outbox.observed import read_refs, update_refs
from gitstore.outbox.tables import create_tables


def test_refs_are_noted_and_forgotten() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        create_tables(connection)
        update_refs(connection, {"refs/tags/v1": "a" * 40, "refs/tags/v2": "b" * 40})
        update_refs(connection, {"refs/tags/v1": "c" * 40, "refs/tags/v2": None, "refs/tags/v3": None})
        assert read_refs(connection) == {"refs/tags/v1": "c" * 40}
