"""The queue of deliveries: what a worker claims, tries, and tries again.

A delivery is one event for one rule. A claim is a lease: nobody else gets the delivery before the lease ends,
and a worker that needs longer renews it. A worker that was killed claims nothing any more, so its delivery is
free again when the lease ends: at least once, and by one worker at a time.

Every function runs in a transaction of the caller's, which must have begun with `BEGIN IMMEDIATE`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from gitstore.outbox import events
from gitstore.outbox.events import ModelEvent

if TYPE_CHECKING:
    from sqlite3 import Connection

Outcome = Literal["delivered", "failed", "dropped"]
"""How a delivery, or one attempt of it, ended. What was `dropped` has no rule any more, or does not apply."""

KEEP = 90 * 24 * 3600 * 1_000_000
"""Microseconds after which events are pruned."""

INTERRUPTED = "interrupted"
"""The outcome of an attempt whose worker ended before it could say how it went."""


@dataclass(frozen=True)
class ClaimedDelivery:
    """A delivery that this worker may try now. `attempt` counts from 1. `lease` is the proof."""

    delivery: int
    event_number: int
    event_id: str
    event: ModelEvent
    rule: str
    attempt: int
    lease: str


def select(connection: Connection, choose: Callable[[ModelEvent], Iterable[str]], *, now: int) -> int:
    """Queue a delivery for each rule that `choose` names, of each event for which that was not done yet.

    Returns how many deliveries are new. Each event is asked about once, whatever happens to the worker.
    """
    added = 0
    rows = connection.execute("SELECT number, body FROM outbox_events WHERE selected = 0 ORDER BY number")
    for number, body in rows.fetchall():
        for rule in choose(events.decode(body)):
            added += connection.execute(
                "INSERT OR IGNORE INTO outbox_deliveries (event, rule, due) VALUES (?, ?, ?)",
                (number, rule, now),
            ).rowcount
        connection.execute("UPDATE outbox_events SET selected = 1 WHERE number = ?", (number,))
    return added


def claim(connection: Connection, *, now: int, lease: int) -> ClaimedDelivery | None:
    """Claim the delivery that has been due for longest, for `lease` microseconds; `None` if none is due."""
    row = connection.execute(
        "SELECT d.number, d.event, e.id, e.body, d.rule, d.attempts FROM outbox_deliveries AS d"
        " JOIN outbox_events AS e ON e.number = d.event"
        " WHERE d.state = 'waiting' AND d.due <= ? AND (d.leased_until IS NULL OR d.leased_until <= ?)"
        " ORDER BY d.due, d.number LIMIT 1",
        (now, now),
    ).fetchone()
    if row is None:
        return None
    number, event_number, event_id, body, rule, attempts = row
    proof = secrets.token_hex(16)
    connection.execute(
        "UPDATE outbox_attempts SET outcome = ? WHERE delivery = ? AND outcome IS NULL",
        (INTERRUPTED, number),
    )
    connection.execute(
        "UPDATE outbox_deliveries SET lease = ?, leased_until = ?, attempts = attempts + 1 WHERE number = ?",
        (proof, now + lease, number),
    )
    connection.execute("INSERT INTO outbox_attempts (delivery, started) VALUES (?, ?)", (number, now))
    return ClaimedDelivery(number, event_number, event_id, events.decode(body), rule, attempts + 1, proof)


def renew(connection: Connection, claimed: ClaimedDelivery, *, now: int, lease: int) -> bool:
    """Extend a lease to `lease` microseconds from now. Returns whether the claim still held."""
    return (
        connection.execute(
            "UPDATE outbox_deliveries SET leased_until = ? WHERE number = ? AND lease = ?",
            (now + lease, claimed.delivery, claimed.lease),
        ).rowcount
        == 1
    )


def finish(
    connection: Connection,
    claimed: ClaimedDelivery,
    outcome: Outcome,
    *,
    detail: str,
    now: int,
    again_at: int | None = None,
) -> bool:
    """Record how an attempt ended, and free the delivery: with `again_at`, it is tried again then.

    Returns whether the claim still held. If it did not, nothing is changed: another worker has it.
    """
    state = outcome if again_at is None else "waiting"
    held = connection.execute(
        "UPDATE outbox_deliveries SET state = ?, due = coalesce(?, due), lease = NULL, leased_until = NULL"
        " WHERE number = ? AND lease = ?",
        (state, again_at, claimed.delivery, claimed.lease),
    ).rowcount
    if held:
        connection.execute(
            "UPDATE outbox_attempts SET ended = ?, outcome = ?, detail = ?"
            " WHERE delivery = ? AND outcome IS NULL",
            (now, outcome, detail, claimed.delivery),
        )
    return held == 1


def queue_again(connection: Connection, event_id: str, *, now: int, rule: str | None = None) -> int:
    """Queue the deliveries of an event again, as if they were new. Those that are being tried are left.

    Returns how many are queued.
    """
    return connection.execute(
        "UPDATE outbox_deliveries SET state = 'waiting', attempts = 0, due = ?, lease = NULL,"
        " leased_until = NULL WHERE event = (SELECT number FROM outbox_events WHERE id = ?)"
        " AND (? IS NULL OR rule = ?) AND (leased_until IS NULL OR leased_until <= ?)",
        (now, event_id, rule, rule, now),
    ).rowcount


def prune(connection: Connection, *, before: int) -> int:
    """Delete events from before a time that have no waiting delivery, with their deliveries and attempts.

    The time is noted: nobody misses an event from before it. Returns how many events were deleted.
    """
    connection.execute(
        "INSERT INTO outbox_pruned VALUES (1, ?1) ON CONFLICT (only) DO UPDATE SET before = max(before, ?1)",
        (before,),
    )
    old = (
        "SELECT number FROM outbox_events AS e WHERE time < ? AND selected = 1 AND NOT EXISTS"
        " (SELECT 1 FROM outbox_deliveries AS d WHERE d.event = e.number AND d.state = 'waiting')"
    )
    connection.execute(
        "DELETE FROM outbox_attempts WHERE delivery IN"  # noqa: S608 - no text from outside
        f" (SELECT number FROM outbox_deliveries WHERE event IN ({old}))",
        (before,),
    )
    connection.execute(f"DELETE FROM outbox_deliveries WHERE event IN ({old})", (before,))  # noqa: S608
    return connection.execute(f"DELETE FROM outbox_events WHERE number IN ({old})", (before,)).rowcount  # noqa: S608


def find_pruned(connection: Connection) -> int:
    """Return the time from before which events were pruned; 0 if none were."""
    return int(connection.execute("SELECT coalesce(max(before), 0) FROM outbox_pruned").fetchone()[0])
