"""Queueing the deliveries of an event again, because a person asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitstore.errors import GitstoreError
from gitstore.events.journal import read_clock
from gitstore.outbox import deliveries, listing
from gitstore.outbox.listing import StoredEvent

if TYPE_CHECKING:
    from sqlite3 import Connection


def redeliver_event(connection: Connection, event_id: str, *, rule: str | None = None) -> StoredEvent:
    """Queue deliveries again, and return the event with them. Durable.

    Raises `NoSuchEvent`, and `GitstoreError` if nothing could be queued.
    """
    from gitstore.disk import sqlite

    with sqlite.transaction(connection):
        event = listing.find_event(connection, event_id)
        if not deliveries.queue_again(connection, event.id, now=read_clock(), rule=rule):
            names = [delivery.rule for delivery in event.deliveries]
            raise GitstoreError(
                f"{event.id} has no delivery that could be queued again",
                f"it is for {', '.join(names)}; one that is under way is left alone"
                if names
                else "no rule was for it when it happened",
            )
        return listing.find_event(connection, event.id)
