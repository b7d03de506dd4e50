"""Removing models and snapshots from a store."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.disk.processes import identify
from gitstore.errors import GitstoreError, NoSuchSnapshot
from gitstore.outbox.listing import list_events
from gitstore.store.access import OPERATOR, AccessDenied, User
from gitstore.store.audit import audit
from gitstore.store.gc import PushUnderWay, collect_store
from gitstore.store.names import parse_model_name, parse_snapshot_name
from gitstore.store.remove import remove_model, remove_snapshots
from gitstore.store.store import Store
from tests.support.commands import fsck
from tests.support.stores import NOW, list_refs, make_pushed, make_store

DIGITS, V1 = parse_model_name("ada/digits"), parse_snapshot_name("ada/digits@v1")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = make_store(tmp_path / "store")
    make_pushed(store, tmp_path / "digits", "v1", "v2")
    return store


def measure(store: Store) -> int:
    with store.ledger() as ledger:
        return sum(holding.bytes for holding in ledger.holdings())


def test_a_dry_run_changes_nothing_and_says_the_same(store: Store) -> None:
    directory = store.find_model("ada/digits").directory
    before, charged = list_refs(directory), measure(store)
    planned = remove_snapshots(store, [V1], user=OPERATOR, now=NOW + 1, dry_run=True)
    assert (list_refs(directory), measure(store)) == (before, charged)
    removal = remove_snapshots(store, [V1], user=OPERATOR, now=NOW + 1)
    assert removal == planned
    assert removal.freed == charged - measure(store) > 0
    assert set(before) - set(list_refs(directory)) == {"refs/tags/v1"}
    collect_store(store, now=NOW + 2)
    fsck(directory)
    assert sum(path.stat().st_size for path in (directory / "objects" / "pack").glob("*.pack")) < charged


def test_a_model_goes_at_one_instant(store: Store) -> None:
    planned = remove_model(store, DIGITS, user=OPERATOR, now=NOW + 1, dry_run=True)
    assert [model.full_name for model in store.models()] == ["ada/digits"]
    removal = remove_model(store, DIGITS, user=OPERATOR, now=NOW + 1)
    assert removal == planned
    assert removal.freed > 0
    assert (store.models(), measure(store)) == ([], 0)
    assert list((store.root / "ada").iterdir()) == []


def test_only_admins_remove(store: Store) -> None:
    for user in ("bob", "carol", "eve"):
        with pytest.raises(AccessDenied):
            remove_model(store, DIGITS, user=User(user), now=NOW)
        with pytest.raises(AccessDenied):
            remove_snapshots(store, [V1], user=User(user), now=NOW, dry_run=True)
    remove_snapshots(store, [V1], user=User("ada"), now=NOW)
    with pytest.raises(NoSuchSnapshot, match="ada/digits has no snapshot v1"):
        remove_snapshots(store, [V1], user=User("ada"), now=NOW)


def test_several_go_at_once_or_none(store: Store) -> None:
    both = [V1, parse_snapshot_name("ada/digits@v2")]
    lacking = parse_snapshot_name("ada/digits@v3")
    before = list_refs(store.find_model("ada/digits").directory)
    with pytest.raises(NoSuchSnapshot, match="ada/digits has no snapshot v3"):
        remove_snapshots(store, [*both, lacking], user=OPERATOR, now=NOW)
    with pytest.raises(GitstoreError, match="are of several models: ada/digits, eve/x"):
        remove_snapshots(store, [*both, parse_snapshot_name("eve/x@v1")], user=OPERATOR, now=NOW)
    assert list_refs(store.find_model("ada/digits").directory) == before
    removal = remove_snapshots(store, [*both, V1], user=OPERATOR, now=NOW)
    assert (removal.names, removal.refs) == (
        ("ada/digits@v1", "ada/digits@v2"),
        ("refs/tags/v1", "refs/tags/v2"),
    )
    with store.ledger() as ledger:
        assert audit(store, ledger).problems == []
        gone = [stored.event.subject for stored in list_events(ledger.connection)][-2:]
    assert gone == ["v1", "v2"]


def test_a_push_that_is_under_way_is_not_disturbed(store: Store) -> None:
    with store.ledger() as ledger:
        ledger.reserve("ada/digits", [], transaction="t", process=identify(os.getpid()), now=NOW)
    with pytest.raises(PushUnderWay, match="somebody pushes to ada/digits"):
        remove_model(store, DIGITS, user=OPERATOR, now=NOW)
    with pytest.raises(PushUnderWay, match="somebody pushes to ada/digits"):
        remove_snapshots(store, [V1], user=OPERATOR, now=NOW)
    assert "refs/tags/v1" in list_refs(store.find_model("ada/digits").directory)
