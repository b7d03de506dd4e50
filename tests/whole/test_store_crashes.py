"""kill -9 of each process that takes part in a push to a store: all is as before or as after.

The suite kills a few, `make crashes` 200.
"""

from __future__ import annotations

import random
import re
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from gitstore.outbox.events import SnapshotCreated
from gitstore.outbox.listing import list_events
from gitstore.store.audit import audit
from gitstore.store.gc import collect_store
from gitstore.store.store import Store, StoreModel
from tests.support import hunting, stores
from tests.support.commands import fsck
from tests.support.load import Pool
from tests.support.processes import alive

LEFT = re.compile(r"\.lock$|^tmp_|^incoming-|^quarantine")
"""Names of what a killed push leaves in a repository."""

WORDS = {
    "receive-pack": "receive-pack",
    "index-pack": "index-pack",
    "pre-receive": "hooks/pre-receive",
    "pre-receive in Python": "pre-receive\0--store",
    "reference-transaction": "hooks/reference-transaction",
    "post-receive": "hooks/post-receive",
    "post-receive in Python": "post-receive\0--store",
    "client": "",
}
"""The processes of a push, and words of the command line of each."""

TARGETS = list(WORDS)


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How many pushes are killed: one at each process by default."""
    return int(request.config.getoption("crashes"))


@pytest.mark.real_starts
def test_a_push_that_is_killed_anywhere_leaves_nothing(tmp_path: Path, rounds: int) -> None:
    store = stores.make_store(tmp_path / "store")
    model = stores.add_model(store)
    pool = Pool.make(tmp_path / "pool.git", rounds)
    draw = random.Random(rounds)
    for number, name in enumerate(pool.snapshots):
        target = TARGETS[number % len(TARGETS)]
        push_and_kill(pool, str(model.directory), name, target=target, patience=draw.random() * 0.1)
        fsck(model.directory)
        retry = push(pool, str(model.directory), name)
        assert retry.wait(60) == 0
        # What nobody recorded is recorded by the next push: this one, if the retry had nothing to send.
        created = find_created(store)
        assert created[name] <= 1
        assert [earlier for earlier in pool.snapshots[:number] if created[earlier] != 1] == [], target
    check_store(store, model, pool)


def push(pool: Pool, url: str, name: str) -> subprocess.Popen[bytes]:
    """Push a snapshot and its state."""
    refs = [f"refs/tags/{name}", f"refs/states/{name}", "refs/heads/main"]
    return subprocess.Popen(
        ["git", "push", "--quiet", "--atomic", url, *refs],
        cwd=pool.directory,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def push_and_kill(pool: Pool, url: str, name: str, *, target: str, patience: float) -> None:
    """Push a snapshot, kill one process a moment after it began, and wait for the end of all others."""
    process = push(pool, url, name)
    word = WORDS[target]
    found = hunting.wait_for(process.pid, word) if word else process
    if found is not None:
        time.sleep(patience if word else patience * 10)
        hunting.kill(found.pid)
    process.wait(60)
    deadline = time.monotonic() + 60
    while alive(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.005)


def find_created(store: Store) -> Counter[str]:
    """How often each snapshot was created, as the events say."""
    with store.ledger() as ledger:
        stored = [each.event for each in list_events(ledger.connection, most=1_000_000)]
    return Counter(event.snapshot for event in stored if isinstance(event, SnapshotCreated))


def check_store(store: Store, model: StoreModel, pool: Pool) -> None:
    """Everything is there once, and nothing is left of the pushes that were killed."""
    collect_store(store, None, dry_run=False, now=stores.NOW)
    assert [path for path in model.directory.rglob("*") if LEFT.search(path.name)] == []
    assert find_created(store) == Counter(pool.snapshots)
    with store.ledger() as ledger:
        assert ledger.pending() == []
        assert audit(store, ledger).problems == []
    fsck(model.directory)
