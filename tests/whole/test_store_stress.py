"""Many small pushes to one store: each is recorded once. The suite does a few, `make stress` 10,000."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitstore.outbox.events import SnapshotCreated, type_of
from gitstore.outbox.listing import list_events
from gitstore.store.audit import audit
from gitstore.store.store import Store
from tests.support import stores
from tests.support.commands import fsck
from tests.support.load import Pool

CLIENTS, MODELS = 4, 8


def test_small_pushes(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    number = request.config.getoption("pushes")
    store = stores.make_store(tmp_path / "store")
    models = [stores.add_model(store, f"ada/model{each}") for each in range(min(MODELS, number // 2 or 1))]
    pool = Pool.make(tmp_path / "pool.git", number)

    def push(each: int) -> str:
        ref, model = f"refs/tags/{pool.snapshots[each]}", models[each % len(models)]
        done = subprocess.run(
            ["git", "push", "--quiet", str(model.directory), ref],
            cwd=pool.directory,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stderr if done.returncode else ""

    start = time.monotonic()
    with ThreadPoolExecutor(CLIENTS) as threads:
        said = list(threads.map(push, range(number)))
    seconds = time.monotonic() - start
    print(f"{number} pushes in {seconds:.1f} s, {number / seconds:.1f} a second")
    assert [text for text in said if text] == []
    pushed = {
        model.full_name: {
            f"refs/tags/{name}": str(pool.tags[name]) for name in pool.snapshots[each :: len(models)]
        }
        for each, model in enumerate(models)
    }
    assert {model.full_name: stores.list_refs(model.directory) for model in models} == pushed
    check_ledger(store, pushed)
    for model in models:
        fsck(model.directory)


def check_ledger(store: Store, pushed: dict[str, dict[str, str]]) -> None:
    """Each snapshot has one event and its rows, which are chained and add up to the repositories."""
    with store.ledger() as ledger:
        assert ledger.pending() == []
        assert audit(store, ledger).problems == []
        assert {
            name: {ref: str(oid) for ref, oid in ledger.refs(name).items()} for name in ledger.models()
        } == pushed
        events = [stored.event for stored in list_events(ledger.connection, most=1_000_000)]
    created = [(one.full_name, one.ref, one.tag) for one in events if isinstance(one, SnapshotCreated)]
    assert Counter(created) == Counter(
        (name, *change) for name, refs in pushed.items() for change in refs.items()
    )
    assert Counter(map(type_of, events)) == {"snapshot.created": len(created), "model.created": len(pushed)}
