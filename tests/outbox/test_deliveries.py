"""The queue: what is claimed once, what is tried again, and what a killed worker leaves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from gitstore.outbox import deliveries, listing
from gitstore.outbox.append import append
from gitstore.outbox.deliveries import ClaimedDelivery
from gitstore.outbox.events import SnapshotCreated, SnapshotDeleted
from gitstore.outbox.tables import create_tables

LEASE = 60


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as opened:
        opened.execute("PRAGMA foreign_keys = ON")
        create_tables(opened)
        create_tables(opened)  # again, and nothing happens
        yield opened


def created(name: str, time: int = 1) -> SnapshotCreated:
    return SnapshotCreated(time=time, model="dogs", snapshot=name, ref=f"refs/tags/{name}", tag="a" * 40)


def claimed(connection: sqlite3.Connection, now: int) -> ClaimedDelivery:
    claim = deliveries.claim(connection, now=now, lease=LEASE)
    assert claim is not None
    return claim


def test_an_event_is_selected_once(connection: sqlite3.Connection) -> None:
    append(connection, created("v1"))
    append(connection, SnapshotDeleted(time=2, model="dogs", snapshot="v0", ref="refs/tags/v0", tag="b" * 40))
    asked: list[str] = []

    def choose(event: object) -> list[str]:
        asked.append(type(event).__name__)
        return ["first", "second"] if isinstance(event, SnapshotCreated) else []

    assert deliveries.select(connection, choose, now=5) == 2
    assert deliveries.select(connection, choose, now=6) == 0
    assert asked == ["SnapshotCreated", "SnapshotDeleted"]


def test_a_delivery_is_claimed_by_one(connection: sqlite3.Connection) -> None:
    event_id = append(connection, created("v1"))
    deliveries.select(connection, lambda _: ["hook"], now=5)
    assert deliveries.claim(connection, now=4, lease=LEASE) is None  # not due
    claim = claimed(connection, 5)
    assert (claim.event_id, claim.rule, claim.attempt, claim.event) == (event_id, "hook", 1, created("v1"))
    assert deliveries.claim(connection, now=5 + LEASE - 1, lease=LEASE) is None
    assert deliveries.finish(connection, claim, "delivered", detail="200", now=7)
    assert deliveries.claim(connection, now=10**9, lease=LEASE) is None


def test_a_failed_attempt_is_tried_again_when_it_is_due(connection: sqlite3.Connection) -> None:
    append(connection, created("v1"))
    deliveries.select(connection, lambda _: ["hook"], now=5)
    assert deliveries.finish(connection, claimed(connection, 5), "failed", detail="500", now=6, again_at=50)
    assert deliveries.claim(connection, now=49, lease=LEASE) is None
    claim = claimed(connection, 50)
    assert claim.attempt == 2
    assert deliveries.finish(connection, claim, "failed", detail="500", now=51)
    (event,) = listing.list_events(connection)
    (delivery,) = event.deliveries
    assert (delivery.state, [attempt.detail for attempt in delivery.log]) == ("failed", ["500", "500"])


def test_a_killed_worker_s_delivery_is_free_when_its_lease_ends(connection: sqlite3.Connection) -> None:
    append(connection, created("v1"))
    deliveries.select(connection, lambda _: ["hook"], now=5)
    first = claimed(connection, 5)
    assert deliveries.claim(connection, now=5 + LEASE - 1, lease=LEASE) is None
    second = claimed(connection, 5 + LEASE)
    assert (second.delivery, second.attempt) == (first.delivery, 2)
    assert not deliveries.renew(connection, first, now=70, lease=LEASE)
    assert not deliveries.finish(connection, first, "failed", detail="late", now=70)
    assert deliveries.finish(connection, second, "delivered", detail="200", now=71)
    (event,) = listing.list_events(connection)
    assert [attempt.outcome for attempt in event.deliveries[0].log] == ["interrupted", "delivered"]


def test_a_lease_is_renewed(connection: sqlite3.Connection) -> None:
    append(connection, created("v1"))
    deliveries.select(connection, lambda _: ["hook"], now=0)
    claim = claimed(connection, 0)
    assert deliveries.renew(connection, claim, now=LEASE - 1, lease=LEASE)
    assert deliveries.claim(connection, now=LEASE + 1, lease=LEASE) is None


def test_what_is_delivered_can_be_queued_again_but_not_what_is_under_way(
    connection: sqlite3.Connection,
) -> None:
    event_id = append(connection, created("v1"))
    deliveries.select(connection, lambda _: ["a", "b"], now=0)
    first = claimed(connection, 0)
    deliveries.finish(connection, first, "delivered", detail="200", now=1)
    second = claimed(connection, 1)
    assert deliveries.queue_again(connection, event_id, now=2) == 1
    assert claimed(connection, 2).rule == first.rule
    assert deliveries.finish(connection, second, "delivered", detail="200", now=3)
    assert deliveries.queue_again(connection, event_id, now=4, rule=second.rule) == 1
    assert deliveries.queue_again(connection, "evt_none", now=4) == 0


def test_old_events_go_unless_something_waits(connection: sqlite3.Connection) -> None:
    for name, time in (("old", 1), ("waiting", 2), ("new", 100)):
        append(connection, created(name, time))
    deliveries.select(connection, lambda event: ["hook"] if event.subject != "new" else [], now=3)
    first = claimed(connection, 3)
    deliveries.finish(connection, first, "delivered", detail="200", now=4)
    append(connection, created("unselected", 1))
    assert deliveries.prune(connection, before=50) == 1
    assert [event.event.subject for event in listing.list_events(connection)] == [
        "waiting", "new", "unselected",
    ]  # fmt: skip


def test_events_are_listed_and_found(connection: sqlite3.Connection) -> None:
    ids = [append(connection, created(f"v{number}", number)) for number in range(5)]
    assert [event.id for event in listing.list_events(connection, most=2)] == ids[-2:]
    assert [event.id for event in listing.list_events(connection, after=4)] == ids[-1:]
    assert listing.list_events(connection, state="waiting") == []
    assert listing.find_event(connection, ids[2].removeprefix("evt_")[:12]).id == ids[2]
    with pytest.raises(listing.NoSuchEvent, match="there is no event evt_zz"):
        listing.find_event(connection, "evt_zz")
    with pytest.raises(listing.NoSuchEvent, match="more than one"):
        listing.find_event(connection, "evt_")
