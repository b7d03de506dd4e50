"""Which changes of a reservation count as moved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.disk.processes import ProcessId
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import Admission, StoredObject
from gitstore.outbox.events import SnapshotCreated
from gitstore.outbox.listing import list_events
from gitstore.packs.oid import Kind, Oid

MODEL, REF = "acme/digits", "refs/tags/v1"
PROCESS = ProcessId(1, 1, "boot")
FIRST, SECOND = (Oid(bytes([number]) * 20) for number in (1, 2))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as ledger:
        ledger.create(MODEL, now=0)
        yield ledger


def reserve(ledger: Ledger, transaction: str, new: Oid, old: Oid | None = None, *, ref: str = REF) -> None:
    """A push of a ref, with the event of a snapshot."""
    live = ledger.find_live(MODEL, [new])
    objects = {} if new in live else {new: StoredObject(Kind.TAG, 100)}
    event = SnapshotCreated(time=0, owner="acme", model="digits", snapshot="v1", ref=ref, tag=str(new))
    admission = Admission(ref=ref, old=old, new=new, tag=new, objects=objects, events=[event])
    ledger.reserve(MODEL, [admission], transaction=transaction, process=PROCESS, now=1)


def count_events(ledger: Ledger) -> int:
    return len(list_events(ledger.connection))


@pytest.mark.parametrize("order", [("fast", "slow"), ("slow", "fast")])
def test_two_pushes_of_the_same_snapshot_create_it_once(ledger: Ledger, order: tuple[str, str]) -> None:
    """Git let one of them create the ref. Nobody knows any more which, if both were killed."""
    for transaction in ("fast", "slow"):
        reserve(ledger, transaction, FIRST)
    for transaction in order:
        ledger.settle(transaction, {REF: FIRST}, now=2)
    assert count_events(ledger) == 1
    assert [(row.ref, row.bytes) for row in ledger.rows()] == [(REF, 100)]
    assert (ledger.refs(MODEL), ledger.pending(MODEL)) == ({REF: FIRST}, [])


def test_a_ref_that_came_back_to_an_earlier_value_moved_twice(ledger: Ledger) -> None:
    state = "refs/states/s"
    reserve(ledger, "a", FIRST, ref=state)
    ledger.settle("a", {state: FIRST}, now=2)
    reserve(ledger, "b", SECOND, FIRST, ref=state)
    reserve(ledger, "c", FIRST, SECOND, ref=state)
    ledger.settle("c", {state: FIRST}, now=3)
    ledger.settle("b", {state: SECOND}, now=4)
    assert count_events(ledger) == 3
    assert (ledger.refs(MODEL), ledger.pending(MODEL)) == ({state: FIRST}, [])
    assert sum(row.bytes for row in ledger.rows()) == 100
