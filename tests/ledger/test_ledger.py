"""The ledger: what it promises about pushes, deletions, derived models and events."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.disk.processes import ProcessId
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.tables.models import NotInLedger
from gitstore.ledger.values import Admission, NotLive, StoredObject
from gitstore.outbox.events import ModelDerived, SnapshotCreated, SnapshotDeleted, StateCreated, decode
from gitstore.packs.oid import Kind, Oid

PROCESS = ProcessId(1, 1, "boot")
MODEL = "ada/digits"


def oid(name: str) -> Oid:
    return Oid.of(Kind.BLOB, name.encode())


def objects(**sizes: int) -> dict[Oid, StoredObject]:
    """Objects by name. Each refers to the next one: `a=1, b=2` is a of one byte, which refers to b."""
    names = list(sizes)
    following: list[tuple[Oid, ...]] = [*((oid(name),) for name in names[1:]), ()]
    return {
        oid(name): StoredObject(Kind.TREE, sizes[name], children)
        for name, children in zip(names, following, strict=True)
    }


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(tmp_path / "ledger.sqlite") as opened:
        opened.create(MODEL, now=1)
        yield opened


Shown = list[tuple[str, str, int]]
"""Rows: their kind, ref and bytes."""


def push(ledger: Ledger, ref: str, stored: dict[Oid, StoredObject], **options: object) -> Shown:
    """Push the first of some objects, and return the rows."""
    new = next(iter(stored))
    model = str(options.pop("model", MODEL))
    old = ledger.refs(model).get(ref)
    admission = Admission(ref=ref, old=old, new=new, objects=stored, **options)  # type: ignore[arg-type]
    transaction = f"{ref!a} {new.short}"
    ledger.reserve(model, [admission], transaction=transaction, process=PROCESS, now=5)
    return shown(ledger, transaction, {ref: new})


def shown(ledger: Ledger, transaction: str, refs: dict[str, Oid | None]) -> Shown:
    settlement = ledger.settle(transaction, refs, now=6)
    return [(str(row.kind), row.ref, row.bytes) for row in settlement.rows]


def events(ledger: Ledger) -> list[object]:
    bodies = ledger.connection.execute("SELECT body FROM outbox_events ORDER BY number")
    return [decode(body) for (body,) in bodies]


def test_in_one_push_snapshots_are_charged_before_states_before_branches(ledger: Ledger) -> None:
    shared = objects(shared=100)
    refs = ["refs/notes/n", "refs/heads/main", "refs/states/s", "refs/tags/v2", "refs/tags/v1"]
    tips = {oid(ref): StoredObject(Kind.COMMIT, 1, (oid("shared"),)) for ref in refs}
    admissions = [Admission(ref=ref, new=oid(ref), objects=tips | shared) for ref in refs]
    reservation = ledger.reserve(MODEL, admissions, transaction="t", process=PROCESS, now=5)
    assert (reservation.objects, reservation.bytes) == (6, 105)
    assert shown(ledger, "t", {ref: oid(ref) for ref in refs}) == [
        ("admitted", "refs/tags/v1", 101),
        ("admitted", "refs/tags/v2", 1),
        ("admitted", "refs/states/s", 1),
        ("admitted", "refs/heads/main", 1),
        ("admitted", "refs/notes/n", 1),
    ]


def test_a_branch_that_goes_forward_keeps_what_it_was_charged(ledger: Ledger) -> None:
    push(ledger, "refs/heads/main", objects(one=10))
    assert push(ledger, "refs/heads/main", objects(two=5, one=99)) == [("admitted", "refs/heads/main", 5)]
    (holding,) = ledger.holdings()
    assert (holding.target, holding.bytes) == (oid("two"), 15)


def test_a_branch_that_is_forced_is_charged_only_what_it_needs(ledger: Ledger) -> None:
    push(ledger, "refs/heads/main", objects(one=10))
    push(ledger, "refs/heads/main", objects(two=5, one=10))
    forced = objects(other=3) | {oid("other"): StoredObject(Kind.COMMIT, 3, (oid("one"),))}
    assert push(ledger, "refs/heads/main", forced) == [
        ("deleted", "refs/heads/main", -5),
        ("admitted", "refs/heads/main", 3),
    ]
    assert push(ledger, "refs/heads/main", objects(new=2)) == [
        ("deleted", "refs/heads/main", -13),
        ("admitted", "refs/heads/main", 2),
    ]


def test_what_a_deleted_snapshot_shared_passes_to_the_oldest_other(ledger: Ledger) -> None:
    for name in ("v1", "v2", "v3"):
        push(ledger, f"refs/tags/{name}", objects(**{name: 1}, shared=50))
    settlement = ledger.delete(MODEL, {"refs/tags/v1": oid("v1")}, transaction="rm", now=9)
    assert [(str(row.kind), row.ref, row.bytes, row.time) for row in settlement.rows] == [
        ("deleted", "refs/tags/v1", -51, 9),
        ("inherited", "refs/tags/v2", 50, 9),
    ]


def test_what_comes_back_after_nobody_held_it_is_charged_again(ledger: Ledger) -> None:
    push(ledger, "refs/tags/v1", objects(v1=10))
    ledger.delete(MODEL, {"refs/tags/v1": None}, transaction="rm", now=7)
    assert push(ledger, "refs/tags/v2", objects(v1=7)) == [("admitted", "refs/tags/v2", 7)]


def test_a_ref_with_another_value_is_not_deleted(ledger: Ledger) -> None:
    push(ledger, "refs/heads/main", objects(one=10))
    assert ledger.delete(MODEL, {"refs/heads/main": oid("two")}, transaction="rm", now=7).rows == ()
    assert ledger.delete(MODEL, {"refs/heads/x": None}, transaction="rm", now=7).rows == ()


def test_refs_that_git_refused_are_released(ledger: Ledger) -> None:
    stored = {name: StoredObject(Kind.COMMIT, 1, (oid("shared"),)) for name in (oid("v1"), oid("main"))}
    stored |= objects(shared=100)
    admissions = [
        Admission(ref="refs/tags/v1", new=oid("v1"), objects=stored),
        Admission(ref="refs/heads/main", new=oid("main"), objects=stored),
    ]
    ledger.reserve(MODEL, admissions, transaction="t", process=PROCESS, now=5)
    assert shown(ledger, "t", {"refs/heads/main": oid("main")}) == [("admitted", "refs/heads/main", 101)]
    assert shown(ledger, "t", {"refs/tags/v1": oid("v1")}) == []
    assert ledger.refs(MODEL) == {"refs/heads/main": oid("main")}
    (balance,) = ledger.balances()
    assert (balance.bytes, balance.reserved) == (101, 0)


def test_a_released_push_leaves_nothing(ledger: Ledger) -> None:
    admission = Admission(ref="refs/tags/v1", new=oid("v1"), objects=objects(v1=5, tree=5))
    ledger.reserve(MODEL, [admission], transaction="t", process=PROCESS, now=5)
    assert ledger.balances()[0].reserved == 10
    assert [pending.transaction for pending in ledger.pending(MODEL)] == ["t"]
    ledger.release("t", now=6)
    ledger.release("t", now=6)
    assert (ledger.balances()[0].reserved, ledger.pending(), list(ledger.rows())) == (0, [], [])
    for table in ("objects", "edges", "admissions", "changes"):
        assert ledger.connection.execute(f"SELECT count(*) FROM ledger_{table}").fetchone() == (0,)


def test_a_push_that_needs_what_was_deleted_meanwhile_is_asked_again(ledger: Ledger) -> None:
    push(ledger, "refs/tags/v1", objects(v1=1, tree=50))
    live = ledger.find_live(MODEL, objects(v2=1, tree=50))
    assert live == {oid("tree")}
    ledger.delete(MODEL, {"refs/tags/v1": None}, transaction="rm", now=7)
    lacking = {oid("v2"): objects(v2=1, tree=50)[oid("v2")]}
    with pytest.raises(NotLive) as caught:
        push(ledger, "refs/tags/v2", lacking)
    assert caught.value.oids == (oid("tree"),)
    assert ledger.pending() == []


def test_what_a_push_relies_on_stays_while_it_is_reserved(ledger: Ledger) -> None:
    push(ledger, "refs/tags/v1", objects(v1=1, tree=50))
    admission = Admission(ref="refs/tags/v2", new=oid("v2"), objects=objects(v2=1, tree=9))
    ledger.reserve(MODEL, [admission], transaction="t", process=PROCESS, now=5)
    ledger.delete(MODEL, {"refs/tags/v1": None}, transaction="rm", now=6)
    assert ledger.balances()[0].reserved == 51
    assert shown(ledger, "t", {"refs/tags/v2": oid("v2")}) == [("admitted", "refs/tags/v2", 51)]


def test_of_two_pushes_with_the_same_object_the_first_to_be_settled_is_charged(ledger: Ledger) -> None:
    for name in ("v1", "v2"):
        admission = Admission(ref=f"refs/tags/{name}", new=oid(name), objects=objects(**{name: 1}, same=50))
        ledger.reserve(MODEL, [admission], transaction=name, process=PROCESS, now=5)
    assert shown(ledger, "v2", {"refs/tags/v2": oid("v2")}) == [("admitted", "refs/tags/v2", 51)]
    assert shown(ledger, "v1", {"refs/tags/v1": oid("v1")}) == [("admitted", "refs/tags/v1", 1)]


def derive(ledger: Ledger, base: str, model: str) -> Shown:
    commit = oid(f"first of {model}")
    stored = {commit: StoredObject(Kind.COMMIT, 2, (oid("v1"),))} | objects(v1=10, tree=100)
    admission = Admission(ref="refs/heads/main", new=commit, objects=stored)
    owner, _, name = model.partition("/")
    ledger.derive(
        model, [admission], base=base, transaction=model, process=PROCESS, now=5,
        event=ModelDerived(time=0, owner=owner, model=name, base=f"{base}@v1"),
    )  # fmt: skip
    return shown(ledger, model, {"refs/heads/main": commit})


def test_a_derived_model_pays_its_own_bytes_until_its_base_lets_go(ledger: Ledger) -> None:
    push(ledger, "refs/tags/v1", objects(v1=10, tree=100))
    assert derive(ledger, MODEL, "bob/dogs") == [("derived", "refs/heads/main", 2)]
    assert derive(ledger, "bob/dogs", "cy/cats") == [("derived", "refs/heads/main", 2)]
    assert [balance.bytes for balance in ledger.balances()] == [110, 2, 2]
    settlement = ledger.delete(MODEL, {"refs/tags/v1": None}, transaction="rm", now=7)
    assert [(row.owner, str(row.kind), row.bytes) for row in settlement.rows] == [
        ("ada", "deleted", -110),
        ("bob", "inherited", 110),
    ]
    settlement = ledger.delete_model("bob/dogs", transaction="rm", now=8)
    assert [(row.owner, str(row.kind), row.bytes) for row in settlement.rows] == [
        ("bob", "deleted", -112),
        ("cy", "inherited", 110),
    ]
    assert ledger.models() == [MODEL, "cy/cats"]


def test_a_model_that_could_not_be_derived_is_forgotten(ledger: Ledger) -> None:
    push(ledger, "refs/tags/v1", objects(v1=10))
    admission = Admission(ref="refs/heads/main", new=oid("v1"), objects=objects(v1=10))
    event = ModelDerived(time=0, owner="bob", model="dogs", base="x")
    ledger.derive("bob/dogs", [admission], base=MODEL, transaction="t", process=PROCESS, now=5, event=event)
    ledger.release("t", now=6)
    assert ledger.models() == [MODEL]
    assert events(ledger) == []


def test_a_deleted_model_s_name_can_be_used_again(ledger: Ledger) -> None:
    push(ledger, "refs/tags/v1", objects(v1=10))
    ledger.delete_model(MODEL, transaction="rm", now=7)
    with pytest.raises(NotInLedger):
        ledger.refs(MODEL)
    ledger.create(MODEL, now=8)
    assert push(ledger, "refs/tags/v1", objects(v1=9)) == [("admitted", "refs/tags/v1", 9)]


def test_events_are_appended_with_their_time_and_bytes(ledger: Ledger) -> None:
    created = SnapshotCreated(
        time=0, owner="ada", model="digits", snapshot="v1", ref="refs/tags/v1", tag=str(oid("v1"))
    )
    push(ledger, "refs/tags/v1", objects(v1=10), events=[created], tag=oid("v1"))
    state = StateCreated(time=0, owner="ada", model="digits", state="s", ref="refs/states/s", commit="c")
    push(ledger, "refs/states/s", objects(s=3), events=[state])
    deleted = SnapshotDeleted(
        time=0, owner="ada", model="digits", snapshot="v1", ref="refs/tags/v1", tag=str(oid("v1"))
    )
    gone = {"refs/tags/v1": deleted}
    for _ in range(2):
        ledger.delete(MODEL, {"refs/tags/v1": None}, transaction="rm", now=9, events=gone)
    assert [getattr(event, "added_bytes", None) for event in events(ledger)] == [10, 3, None]
    assert [getattr(event, "time", None) for event in events(ledger)] == [6, 6, 9]
    assert getattr(events(ledger)[2], "freed_bytes", None) == 10


def test_the_clock_may_go_back(ledger: Ledger) -> None:
    push(ledger, "refs/tags/v1", objects(v1=10))
    ledger.delete(MODEL, {"refs/tags/v1": None}, transaction="rm", now=2)
    assert [row.time for row in ledger.rows()] == [6, 6]


def test_rows_of_a_period_an_owner_and_a_model(ledger: Ledger) -> None:
    ledger.create("bob/dogs", now=1)
    push(ledger, "refs/tags/v1", objects(v1=10))
    push(ledger, "refs/tags/v1", objects(v1=10), model="bob/dogs")
    ledger.delete(MODEL, {"refs/tags/v1": None}, transaction="rm", now=9)
    assert [row.number for row in ledger.rows("ada")] == [1, 3]
    assert [row.number for row in ledger.rows("bob/dogs")] == [2]
    assert [row.number for row in ledger.rows(since=7)] == [3]
    assert [row.number for row in ledger.rows("ada/digits", until=9)] == [1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_rows SET bytes = 0",
        "DELETE FROM ledger_rows",
        "INSERT OR REPLACE INTO ledger_rows SELECT * FROM ledger_rows",
        "INSERT INTO ledger_rows SELECT 7, time, owner, model, ref, snapshot, kind, 0, 0, 't', hash"
        " FROM ledger_rows",
    ],
)
def test_rows_are_only_appended(ledger: Ledger, statement: str) -> None:
    push(ledger, "refs/tags/v1", objects(v1=10))
    with pytest.raises(sqlite3.IntegrityError, match="the rows of the ledger"):
        ledger.connection.execute(statement)


def test_refs_with_bytes_that_are_no_text(ledger: Ledger) -> None:
    ref = "refs/heads/\udcff"
    push(ledger, ref, objects(one=1))
    assert list(ledger.refs(MODEL)) == [r"refs/heads/\xff"]
    assert len(ledger.delete(MODEL, {ref: None}, transaction="rm", now=7).rows) == 1
