"""Reconciling: whatever was killed, and whoever moved refs, each change has its rows and its event once."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import pytest

from gitstore.disk.processes import ProcessId, identify
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import Admission
from gitstore.outbox.events import AliasMoved
from gitstore.packs.oid import Oid
from gitstore.policy.limits import PushLimits
from gitstore.policy.role import Role
from gitstore.store.receive import facts
from gitstore.store.receive.asked import AskedChange
from gitstore.store.receive.reconcile import Reconciled, reconcile_models
from gitstore.store.receive.ref_events import describe_change
from gitstore.store.receive.stored import collect_stored
from gitstore.store.store import Store
from tests.support.commands import Fsck
from tests.support.small_store import SmallStore, tag_of

ADA = "Ada Lovelace <ada@example.org>"
DEAD = ProcessId(2**22 - 1, 1, "no boot of ours")


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallStore]:
    store = SmallStore(tmp_path / "store")
    yield store
    store.ledger.close()


def test_refs_that_an_operator_moved_are_admitted_once(small: SmallStore) -> None:
    first = small.commit("one")
    small.move("refs/tags/v1", small.tag("v1", first))
    small.move("refs/heads/main", first)
    assert small.reconcile().unhooked == ("refs/heads/main", "refs/tags/v1")
    small.check()
    assert small.events() == ["snapshot.created v1"]
    assert small.reconcile() == Reconciled()
    assert len(list(small.ledger.rows())) == 2


def test_refs_that_an_operator_deleted_or_forced_are_taken_off(small: SmallStore) -> None:
    first, second = small.commit("one"), small.commit("two")
    small.move("refs/tags/v1", small.tag("v1", first))
    small.move("refs/heads/main", first)
    small.reconcile()
    small.move("refs/tags/v1", None)
    small.move("refs/heads/main", second)
    small.reconcile()
    small.check()
    assert small.events() == ["snapshot.created v1", "snapshot.deleted v1"]


def test_what_a_killed_push_moved_is_settled_and_the_rest_released(small: SmallStore) -> None:
    first, second = small.commit("one"), small.commit("two")
    tag = small.tag("v1", first)
    small.reserve("t", {"refs/tags/v1": tag, "refs/states/s": second, "refs/heads/main": first}, DEAD)
    small.move("refs/tags/v1", tag)
    assert small.reconcile().settled == ("t",)
    small.check()
    assert small.events() == ["snapshot.created v1"]
    assert [row.transaction for row in small.ledger.rows()] == ["t"]


def test_a_living_push_is_left_alone(small: SmallStore) -> None:
    first = small.commit("one")
    small.reserve("t", {"refs/states/s": first}, identify(os.getpid()))
    small.move("refs/states/s", first)
    assert small.reconcile() == Reconciled()
    assert len(small.ledger.pending()) == 1
    small.ledger.settle("t", {"refs/states/s": first}, now=3)
    small.check()
    assert small.events() == ["state.created s"]


def test_a_state_that_moved_on_before_its_push_was_settled_has_both_events(small: SmallStore) -> None:
    first, second = small.commit("one"), small.commit("two")
    small.reserve("t1", {"refs/states/s": first}, DEAD)
    small.move("refs/states/s", first)
    objects = small.model.repository.objects
    stored = collect_stored(objects, [second], lambda oids: ())
    events = describe_change(objects, "ada/digits", "refs/states/s", old=first, new=second)
    admission = Admission(ref="refs/states/s", old=first, new=second, objects=stored, events=events)
    small.ledger.reserve("ada/digits", [admission], transaction="t2", process=identify(os.getpid()), now=1)
    small.move("refs/states/s", second)
    small.reconcile()  # the first one is dead, and the ref says no longer that it happened
    small.ledger.settle("t2", {"refs/states/s": second}, now=3)
    small.check()
    assert small.events() == ["state.created s", "state.created s"]


def told_moves(small: SmallStore) -> list[tuple[object, ...]]:
    return [
        (event.old_commit, event.commit, event.old_snapshot, event.snapshot)
        for event in small.read_events()
        if isinstance(event, AliasMoved)
    ]


def test_each_move_of_an_alias_is_told_once_and_in_order(small: SmallStore) -> None:
    one, two, three, four = small.add_moves("v1", "v2", "v3", "v4")
    small.move("refs/aliases/best", three)
    small.reconcile()
    small.reserve("t", {"refs/aliases/best": four}, DEAD)
    small.move("refs/aliases/best", four)
    for _ in range(2):
        small.reconcile()
    steps = [
        (None, one, None, "v1"),
        (one, two, "v1", "v2"),
        (two, three, "v2", "v3"),
        (three, four, "v3", "v4"),
    ]
    assert told_moves(small) == [(old and str(old), str(new), was, now) for old, new, was, now in steps]
    first = small.read_events()[0]
    assert isinstance(first, AliasMoved)
    assert (first.author, first.date, first.message) == (ADA, 1_700_000_000_000_000, "v1 is good")
    assert (first.user, first.tag) == (ADA, str(tag_of("v1")))  # nobody knows who moved the ref
    assert small.match() == []


def test_a_push_moves_aliases_as_often_as_it_may_change_refs(small: SmallStore) -> None:
    """Each move is an event that the hook has in memory."""
    moves = small.add_moves("v1", "v2", "v3")

    def find_rules(tip: Oid) -> list[str]:
        change = AskedChange("refs/aliases/best", None, tip)
        limits = PushLimits(refs=2)
        repository = small.model.alone().repository
        found = facts.collect(repository, [change], quarantine=None, role=Role.WRITE, limits=limits)
        return [problem.rule for problem in found.push.problems]

    assert (find_rules(moves[1]), find_rules(moves[2])) == ([], ["ref-count"])


def test_all_moves_of_a_push_that_was_killed_are_told_or_none(small: SmallStore) -> None:
    small.reconcile()
    one, two = small.add_moves("v1", "v2")
    small.reserve("t1", {"refs/aliases/best": two, "refs/aliases/other": one}, DEAD)
    small.move("refs/aliases/best", two)
    small.reconcile()
    assert small.events() == ["alias.moved best"] * 2
    assert small.match() == []


def test_an_alias_that_was_forced_is_told_from_what_it_led_to(small: SmallStore) -> None:
    one, two = small.add_moves("v1", "v2")
    (other,) = small.add_moves("v3", after=one)
    for tip in (two, one, two, other, None):
        small.move("refs/aliases/best", tip)
        small.reconcile()
    assert [step[2:] for step in told_moves(small)] == [
        (None, "v1"), ("v1", "v2"), ("v2", "v1"), ("v1", "v2"), ("v2", "v3"), ("v3", None),
    ]  # fmt: skip
    assert small.match() == []


def test_the_record_of_a_renamed_snapshot_is_no_news(small: SmallStore) -> None:
    commit, files = small.commit("one"), small.commit("files")
    tags = {name: small.tag(name, commit) for name in ("v1", "one")}
    for name, tag in tags.items():
        small.move(f"refs/tags/{name}", tag)
        small.move(f"refs/records/{tag}/bench", files)
        small.reconcile()
    assert small.events() == ["snapshot.created v1", "evaluation.finished v1", "snapshot.created one"]
    for ref in ("refs/tags/one", *(f"refs/records/{tag}/bench" for tag in tags.values())):
        small.move(ref, None)
    small.reconcile()
    small.move("refs/tags/one", tags["one"])
    small.move(f"refs/records/{tags['one']}/bench", files)  # again, after nothing had it
    small.reconcile()
    small.move(f"refs/records/{tags['one']}/bench", small.commit("other files"))
    small.reconcile()
    assert small.events()[3:] == ["snapshot.deleted one", "snapshot.created one", "evaluation.finished one"]
    assert small.match() == []


def test_a_model_whose_directory_is_gone_is_deleted(small: SmallStore) -> None:
    small.move("refs/heads/main", small.commit("one"))
    small.reconcile()
    assert reconcile_models(small.ledger, small.store, now=3) == []
    small.model.directory.rename(small.model.directory.with_name("elsewhere"))
    assert reconcile_models(small.ledger, small.store, now=3) == ["ada/digits"]
    assert small.events() == ["model.deleted ada/digits"]
    assert sum(row.bytes for row in small.ledger.rows()) == 0
    assert reconcile_models(small.ledger, small.store, now=3) == []


def test_a_push_killed_at_any_instant_is_recorded_as_far_as_it_came(
    small: SmallStore, pytestconfig: pytest.Config, fsck: Fsck
) -> None:
    """Each round kills what reserves, moves refs and settles; then everything is as it should be."""
    chance = random.Random(1)
    created: Counter[str] = Counter()
    last: Oid | None = None
    for number in range(pytestconfig.getoption("--kills") * 5):
        commit = small.commit(f"{number}", *([] if last is None else [last]))
        name, tag = f"v{number}", small.tag(f"v{number}", commit)
        wanted = {f"refs/tags/{name}": tag, "refs/states/s": commit, "refs/heads/main": commit}
        child = os.fork()
        if child == 0:
            push_and_exit(small.store, f"t{number}", wanted)
        with suppress(PermissionError, ProcessLookupError):  # it has done so itself
            os.setpgid(child, child)
        time.sleep(chance.random() * 0.06)
        os.killpg(child, signal.SIGKILL)  # with the git that it has started
        os.waitpid(child, 0)
        small.reconcile()
        small.check()
        moved = [ref for ref, new in wanted.items() if small.ledger.refs("ada/digits").get(ref) == new]
        created[f"snapshot.created {name}"] += wanted.keys() & moved >= {f"refs/tags/{name}"}
        created["state.created s"] += "refs/states/s" in moved
        last = commit if "refs/heads/main" in moved else last
    assert Counter(small.events()) == +created
    fsck(small.model.directory)


def push_and_exit(store: Store, transaction: str, refs: dict[str, Oid]) -> NoReturn:
    """What the hooks and git do, one step after the other, in a fork with a ledger of its own."""
    os.setpgid(0, 0)
    small = SmallStore.__new__(SmallStore)
    small.store, small.ledger = store, Ledger.open(store.ledger_path)
    small.model = store.find_model("ada/digits")
    small.reserve(transaction, dict(refs), identify(os.getpid()))
    for ref, new in refs.items():
        small.move(ref, new)
    small.ledger.settle(transaction, dict(refs), now=2)
    os._exit(0)
