"""Appending events: whoever has made a change appends its event, in the same transaction if it can."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from gitstore.outbox import events
from gitstore.outbox.events import ModelEvent

if TYPE_CHECKING:
    from sqlite3 import Connection


def append(connection: Connection, event: ModelEvent) -> str:
    """Append an event in the caller's transaction, and return its id. `create_tables` came before.

    The event is there if the transaction is committed, and as durable as that. The id is random, and the
    same in every delivery, so that a receiver can recognise an event that it has had already.
    """
    event_id = f"evt_{secrets.token_hex(16)}"
    connection.execute(
        "INSERT INTO outbox_events (id, time, type, body) VALUES (?, ?, ?, ?)",
        (event_id, event.time, events.type_of(event), events.encode(event).decode()),
    )
    return event_id
