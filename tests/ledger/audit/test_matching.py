"""Rows of the ledger and events of the outbox: a missing one, a second one and a false one are named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from sqlite3 import Connection

import pytest

from gitstore.disk.processes import ProcessId
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import Admission, Quota, Quotas
from gitstore.outbox import deliveries
from gitstore.outbox.append import append
from gitstore.outbox.events import (
    EVENT_TYPES,
    EvaluationFailed,
    ModelDeleted,
    ModelDerived,
    SnapshotDeleted,
    SnapshotRenamed,
)
from gitstore.packs.oid import Oid
from gitstore.store.receive.stored import collect_stored
from tests.support.small_store import SmallStore

MODEL = "ada/digits"
PROCESS = ProcessId(1, 1, "boot")
QUOTAS = Quotas(owner=Quota(soft=1))
NUMBERS = count()


@pytest.fixture
def small(told: SmallStore) -> Iterator[SmallStore]:
    """The store, whose ledger is as before afterwards."""
    with undone(told.ledger.connection, "BEGIN", "ROLLBACK"):
        yield told


@contextmanager
def undone(
    connection: Connection, begin: str = "SAVEPOINT tried", end: str = "ROLLBACK TO tried"
) -> Iterator[None]:
    """What the block changes is as before at its end."""
    connection.execute(begin)
    yield
    connection.execute(end)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStore]:
    """A store in which all has happened that has an event. Clocks went back meanwhile."""
    store = SmallStore(tmp_path_factory.mktemp("told") / "store")
    store.reconcile(now=2)  # it is created
    first = store.commit("one")
    tag = store.tag("v1", first)
    store.move("refs/tags/v1", tag)
    store.move("refs/tags/v2", store.tag("v2", first))
    store.move("refs/heads/main", first)
    store.move("refs/states/s", store.commit("state"))
    moves = store.add_moves("v1", "v2", "v3")
    store.move("refs/aliases/production", store.commit("move"))
    store.move("refs/aliases/best", moves[1])
    store.move(f"refs/records/{tag}/bench", files := store.commit("files"))
    store.move(f"refs/records/{first}/training", store.commit("other files"))
    store.reconcile(now=20)
    store.move("refs/tags/v2", store.tag("v2", store.commit("moved")))
    store.move("refs/states/s", store.commit("state again"))
    store.move("refs/aliases/production", None)
    store.move("refs/aliases/best", store.add_moves("v2", "v3", "v4", after=moves[2])[2])
    store.move("refs/tags/one", one := store.tag("one", first))
    store.move(f"refs/records/{one}/bench", files)  # v1 has got another name somewhere
    store.reconcile(now=10)
    remove_snapshot(store, "v2")
    derive(store, "eve/fine")
    derive(store, "eve/killed", is_settled=False)
    delete_model(store.ledger, "eve/fine", now=25)
    derive(store, "eve/fine")
    failed = EvaluationFailed(
        time=41, owner="ada", model="digits", snapshot="v1", ref="refs/tags/v1", tag=str(tag), record="bench",
        reason="no",
    )  # fmt: skip
    with store.ledger.transaction():
        append(store.ledger.connection, failed)
    yield store
    store.ledger.close()


def remove_snapshot(store: SmallStore, name: str) -> None:
    ref = f"refs/tags/{name}"
    tag = store.ledger.refs(MODEL)[ref]
    event = SnapshotDeleted(time=0, owner="ada", model="digits", snapshot=name, ref=ref, tag=str(tag))
    store.ledger.delete(MODEL, {ref: tag}, transaction=f"rm {name}", now=30, events={ref: event})


def derive(store: SmallStore, name: str, *, is_settled: bool = True) -> None:
    """A model with a commit of its own on a branch; that is more than its quota."""
    objects, base = store.model.repository.objects, store.ledger.refs(MODEL)["refs/heads/main"]
    main = store.commit(f"first of {name}", base)
    objects.refresh()
    admission = Admission(
        ref="refs/heads/main", new=main, objects=collect_stored(objects, [main], lambda _: ())
    )
    owner, _, model = name.partition("/")
    transaction = f"derive {next(NUMBERS)}"
    store.ledger.derive(
        name, [admission], base=MODEL, transaction=transaction, process=PROCESS, now=35, quotas=QUOTAS,
        event=ModelDerived(time=0, owner=owner, model=model, base=f"{MODEL}@v1"),
    )  # fmt: skip
    values: dict[str, Oid | None] = {"refs/heads/main": main}
    store.ledger.settle(transaction, values if is_settled else {}, now=35)


def delete_model(ledger: Ledger, name: str, *, now: int) -> None:
    owner, _, model = name.partition("/")
    event = ModelDeleted(time=0, owner=owner, model=model)
    ledger.delete_model(name, transaction=f"rm {name}", now=now, event=event)


def list_events(ledger: Ledger) -> list[tuple[str, str]]:
    """The events that rows or models call for: id and type."""
    query = "SELECT id, type FROM outbox_events WHERE type != 'evaluation.failed' ORDER BY number"
    return ledger.connection.execute(query).fetchall()


def test_what_has_happened_is_told_once(small: SmallStore) -> None:
    assert small.match() == []
    (types,) = zip(*small.ledger.connection.execute("SELECT DISTINCT type FROM outbox_events"), strict=True)
    assert {*types} == EVENT_TYPES.keys() - {"snapshot.renamed"}  # a store has no command for that


def test_each_event_that_is_lost_is_missed(small: SmallStore) -> None:
    connection = small.ledger.connection
    for event, kind in list_events(small.ledger):
        with undone(connection):
            connection.execute("DELETE FROM outbox_events WHERE id = ?", (event,))
            problems = small.match()
        # What no row calls for cannot be missed.
        assert [f" has no event {kind}" in problem for problem in problems] == [True] * (
            kind != "quota.warning"
        )


def test_each_event_that_is_doubled_has_no_row(small: SmallStore) -> None:
    connection = small.ledger.connection
    for event, kind in list_events(small.ledger):
        with undone(connection):
            connection.execute(
                "INSERT INTO outbox_events (id, time, type, body)"
                " SELECT 'evt_second', time, type, body FROM outbox_events WHERE id = ?",
                (event,),
            )
            problems = small.match()
        # Two limits can be crossed at once.
        assert [f"event evt_second {kind} of " in problem for problem in problems] == [True] * (
            kind != "quota.warning"
        )


@pytest.mark.parametrize("key", ["time", "tag", "model", "ref", "record", "added_bytes", "freed_bytes"])
def test_each_event_that_says_something_else_is_named(small: SmallStore, key: str) -> None:
    connection = small.ledger.connection
    known = 0
    for event, kind in list_events(small.ledger):
        (text,) = connection.execute("SELECT body FROM outbox_events WHERE id = ?", (event,)).fetchone()
        body = json.loads(text)
        if key not in body or (kind, key) in NOT_COMPARED:
            continue
        body[key] = body[key] + 1 if isinstance(body[key], int) else f"{body[key]}x"
        with undone(connection):
            values = (json.dumps(body), body["time"], event)
            connection.execute("UPDATE outbox_events SET body = ?, time = ? WHERE id = ?", values)
            problems = small.match()
        assert any(problem.startswith(f"event {event} {kind} ") for problem in problems), (kind, problems)
        known += 1
    assert known


NOT_COMPARED = {("quota.warning", "model"), ("evaluation.finished", "ref"), ("alias.moved", "tag")}
"""A warning is of an owner or a model; of an evaluation the tag counts; rows do not say where aliases led."""


def test_each_row_without_its_event_is_named_with_its_number(small: SmallStore) -> None:
    small.ledger.connection.execute("DELETE FROM outbox_events")
    problems = small.match()
    rows = {row.number: row for row in small.ledger.rows()}
    for problem in problems:
        subject, found, number = problem.partition(" for row ")
        if found and "model.derived" not in problem:
            row = rows.pop(int(number))
            assert subject.startswith(f"{row.owner}/{row.model} {row.ref} has no event ")
    # Branches, and records of no snapshot or a renamed one, are not told; one event tells that a state or a
    # tag is replaced.
    left = sorted(f"{row.kind} {row.ref.split('/')[1]}" for row in rows.values())
    assert left == [
        "admitted heads", "admitted records", "admitted records", "deleted heads", "deleted states",
        "deleted tags", "derived heads", "derived heads",
    ]  # fmt: skip


def test_an_event_of_a_kind_that_a_store_does_not_have(small: SmallStore) -> None:
    renamed = SnapshotRenamed(
        time=20, owner="ada", model="digits", snapshot="v3", ref="refs/tags/v3", tag="0" * 40,
        old_snapshot="v1", old_ref="refs/tags/v1", old_tag="1" * 40,
    )  # fmt: skip
    with small.ledger.transaction():
        event = append(small.ledger.connection, renamed)
    assert small.match() == [
        f"event {event} snapshot.renamed of ada/digits refs/tags/v3 has no row in the ledger"
    ]


def test_an_event_that_cannot_be_read(small: SmallStore) -> None:
    (event, _), *_ = list_events(small.ledger)
    small.ledger.connection.execute("UPDATE outbox_events SET body = '{' WHERE id = ?", (event,))
    assert small.match()[0] == f"event {event} cannot be read"


def test_events_that_were_pruned_are_not_missed_even_if_an_older_one_waits(small: SmallStore) -> None:
    connection = small.ledger.connection
    oldest = min(time for (time,) in connection.execute("SELECT time FROM outbox_events"))
    with small.ledger.transaction():
        deliveries.select(connection, lambda event: ["rule"] if event.time == oldest else [], now=50)
        assert deliveries.prune(connection, before=35) > 5
    assert small.match() == []
    assert any(time == oldest for (time,) in connection.execute("SELECT time FROM outbox_events"))
    connection.execute("DELETE FROM outbox_events WHERE type = 'model.derived'")
    assert [problem.partition(" for row ")[0] for problem in small.match()] == [
        "eve/fine has no event model.derived"
    ] * 2
