"""Reading events, deliveries and attempts, for people and for tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitstore.errors import GitstoreError
from gitstore.outbox import events
from gitstore.outbox.events import ModelEvent

if TYPE_CHECKING:
    from sqlite3 import Connection

MOST = 100
"""How many events are listed, unless the caller says otherwise."""


class NoSuchEvent(GitstoreError):
    """No event has this id, or more than one begins with it."""


@dataclass(frozen=True)
class Attempt:
    """One attempt of a delivery. Times are microseconds. Without `outcome`, it is under way."""

    started: int
    ended: int | None
    outcome: str | None
    detail: str | None


@dataclass(frozen=True)
class Delivery:
    """What is delivered because of an event: `state` is waiting, delivered, failed or dropped.

    A waiting delivery is tried at `due` (microseconds), or is under way until `leased_until` at the latest.
    """

    rule: str
    state: str
    attempts: int
    due: int
    leased_until: int | None
    log: tuple[Attempt, ...]


@dataclass(frozen=True)
class StoredEvent:
    """An event in the outbox, with its deliveries in the order of their rules."""

    number: int
    id: str
    event: ModelEvent
    deliveries: tuple[Delivery, ...]


def list_events(
    connection: Connection, *, most: int = MOST, state: str | None = None, after: int = 0
) -> list[StoredEvent]:
    """List the latest events, oldest first: at most `most`, and those with a number over `after`.

    With `state`, only those with a delivery in that state are listed.
    """
    rows = connection.execute(
        "SELECT number, id, body FROM outbox_events AS e WHERE number > ? AND (? IS NULL OR EXISTS"
        " (SELECT 1 FROM outbox_deliveries AS d WHERE d.event = e.number AND d.state = ?))"
        " ORDER BY number DESC LIMIT ?",
        (after, state, state, most),
    ).fetchall()
    return [_read(connection, row) for row in reversed(rows)]


def find_event(connection: Connection, event_id: str) -> StoredEvent:
    """Return the event with an id, or the one whose id begins like this. Raises `NoSuchEvent`."""
    prefix = event_id if event_id.startswith("evt_") else f"evt_{event_id}"
    rows = connection.execute(
        "SELECT number, id, body FROM outbox_events WHERE substr(id, 1, length(?)) = ? LIMIT 2",
        (prefix, prefix),
    ).fetchall()
    if len(rows) != 1:
        problem = "there is no event" if not rows else "more than one event has an id that begins with"
        raise NoSuchEvent(f"{problem} {event_id}", "events list shows the ids")
    return _read(connection, rows[0])


def _read(connection: Connection, row: Sequence[object]) -> StoredEvent:
    number, event_id, body = row
    deliveries = connection.execute(
        "SELECT number, rule, state, attempts, due, leased_until FROM outbox_deliveries"
        " WHERE event = ? ORDER BY rule",
        (number,),
    ).fetchall()
    return StoredEvent(
        int(str(number)),
        str(event_id),
        events.decode(str(body)),
        tuple(
            Delivery(rule, state, attempts, due, leased_until, _read_log(connection, delivery))
            for delivery, rule, state, attempts, due, leased_until in deliveries
        ),
    )


def _read_log(connection: Connection, delivery: int) -> tuple[Attempt, ...]:
    rows = connection.execute(
        "SELECT started, ended, outcome, detail FROM outbox_attempts WHERE delivery = ?"
        " ORDER BY started, rowid",
        (delivery,),
    )
    return tuple(Attempt(*row) for row in rows)
