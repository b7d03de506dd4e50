"""A record and its snapshot come in any order: the evaluation is told once, and the audit expects it then."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path

import pytest

from gitstore.disk.processes import identify
from gitstore.outbox import listing
from gitstore.outbox.events import EvaluationFinished
from gitstore.packs.oid import Oid
from gitstore.store.audit import audit
from tests.support.small_store import SmallStore

TAG = "refs/tags/v1"
FINISHED = "evaluation.finished v1"


@pytest.fixture
def small(tmp_path: Path) -> Iterator[SmallStore]:
    store = SmallStore(tmp_path / "store")
    store.reconcile()
    yield store
    store.ledger.close()


@pytest.fixture
def tag(small: SmallStore) -> Oid:
    return small.tag("v1", small.commit("one"))


def told(small: SmallStore) -> list[str]:
    """What was told, after an audit that finds nothing."""
    small.reconcile()
    assert audit(small.store, small.ledger).problems == []
    return small.events()


STEPS = [order for order in permutations("RrSs") if order.index("R") < order.index("r")]


@pytest.mark.parametrize("order", [order for order in STEPS if order.index("S") < order.index("s")])
def test_two_pushes_that_overtake_each_other(small: SmallStore, tag: Oid, order: tuple[str, ...]) -> None:
    """`R` reserves the record and `r` settles it, `S` and `s` do that with the snapshot.

    The hook of the record's push does not see the tag before the snapshot's push is over, and may come first.
    """
    place = small.model.directory / "objects" / str(tag)[:2] / str(tag)[2:]
    content = place.read_bytes()
    place.unlink()
    pushes: dict[str, dict[str, Oid | None]] = {
        "r": {f"refs/records/{tag}/bench": small.commit("files")},
        "s": {TAG: tag},
    }
    for step in order:
        refs = pushes[step.lower()]
        if step == "S":
            place.write_bytes(content)
        if step.isupper():
            small.reserve(step.lower(), refs, identify(os.getpid()))
            continue
        for ref, new in refs.items():
            small.move(ref, new)
        small.ledger.settle(step, refs, now=3)
    assert sorted(told(small)) == [FINISHED, "snapshot.created v1"]


def test_the_event_names_the_snapshot_and_comes_after_it(small: SmallStore, tag: Oid) -> None:
    small.move(f"refs/records/{tag}/bench", small.commit("files"))
    small.move(f"refs/records/{tag}/other", small.commit("other files"))
    assert told(small) == []
    small.move("refs/tags/dogs/v1", tag)
    small.reconcile(now=7)
    assert told(small) == ["snapshot.created dogs@v1"] + ["evaluation.finished dogs@v1"] * 2
    *_, event = (stored.event for stored in listing.list_events(small.ledger.connection))
    assert isinstance(event, EvaluationFinished)
    assert (event.time, event.ref, event.tag, event.record) == (7, "refs/tags/dogs/v1", str(tag), "other")


def test_a_record_that_is_gone_before_its_snapshot_comes(small: SmallStore, tag: Oid) -> None:
    record = f"refs/records/{tag}/bench"
    small.move(record, small.commit("files"))
    assert told(small) == []
    small.move(record, None)
    assert told(small) == []
    small.move(TAG, tag)
    assert told(small) == ["snapshot.created v1"]


def test_a_record_that_was_replaced_is_told_once(small: SmallStore, tag: Oid) -> None:
    """Also if its new value contains the one before, which then holds its objects, too."""
    record, first = f"refs/records/{tag}/bench", small.commit("files")
    for files in (first, small.commit("more", first), small.commit("others")):
        small.move(record, files)
        assert told(small) == []
    small.move(TAG, tag)
    assert told(small) == ["snapshot.created v1", FINISHED]


def test_a_snapshot_that_comes_back_tells_nothing_of_its_records_again(small: SmallStore, tag: Oid) -> None:
    small.move(TAG, tag)
    small.move(f"refs/records/{tag}/bench", small.commit("files"))
    assert told(small) == ["snapshot.created v1", FINISHED]
    small.move(TAG, None)
    assert told(small)[2:] == ["snapshot.deleted v1"]
    small.move(f"refs/records/{tag}/second", small.commit("second"))
    assert told(small)[3:] == []
    small.move(TAG, tag)
    assert told(small)[3:] == ["snapshot.created v1", FINISHED]


def test_a_snapshot_that_became_another_one_is_not_there(small: SmallStore, tag: Oid) -> None:
    """Its tag is still held, because the new one, which somebody made without the hooks, contains it."""
    small.move(TAG, tag)
    small.reconcile()
    text = f"object {tag}\ntype tag\ntag v1\ntagger A <a@b.c> 1700000000 +0000\n\nv1\n"
    small.move(TAG, Oid.parse(small.git("mktag", stdin=text)))
    small.reconcile()
    small.move(f"refs/records/{tag}/bench", small.commit("files"))
    assert FINISHED not in told(small)


def test_records_of_what_is_no_snapshot_wait_for_ever(small: SmallStore) -> None:
    commit = small.commit("one")
    for ref in (f"refs/records/{commit}/training", "refs/records/a/b", f"refs/records/{commit}/a/b"):
        small.move(ref, commit)
        assert told(small) == []
    small.move(TAG, small.tag("v1", commit))
    assert told(small) == ["snapshot.created v1"]


def test_an_evaluation_is_told_once_under_whichever_name_comes_first(small: SmallStore, tag: Oid) -> None:
    """The record of a renamed snapshot has the same files. The one that came last may be told first."""
    files, other = small.commit("files"), small.tag("v2", small.commit("one"))
    small.move(f"refs/records/{tag}/bench", files)
    assert told(small) == []
    small.move(f"refs/records/{other}/bench", files)
    small.move("refs/tags/v2", other)
    assert told(small) == ["snapshot.created v2", "evaluation.finished v2"]
    small.move(TAG, tag)
    assert told(small)[2:] == ["snapshot.created v1"]
