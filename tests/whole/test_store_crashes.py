"""kill -9 of each process that takes part in a push to a store: all is as before or as after.

Pushes come by path, over ssh and over HTTP, beside a worker that is killed now and then. The suite kills a
few processes, `make crashes` 200.
"""

from __future__ import annotations

import random
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from gitstore.automation.store_place import StorePlace
from gitstore.automation.worker import LEASE, Worker
from gitstore.events import journal
from gitstore.models.model import Model
from gitstore.outbox.events import SnapshotCreated
from gitstore.outbox.listing import list_events
from gitstore.store.audit import audit
from gitstore.store.gc import collect_store
from gitstore.store.store import Store, StoreModel
from tests.support import combinations, fronts, hunting, models, stores
from tests.support.commands import fsck, git
from tests.support.fronts import Front
from tests.support.hunting import Found
from tests.support.load import Pool

LEFT = re.compile(r"\.lock$|^tmp_|^incoming-|^quarantine")
"""Names of what a killed push leaves in a repository. gitstore's own locks are files that stay, flock(2)."""

CONFIG = """\
owners: {{ada: {{members: {{ada: admin}}, quota: {{hard: 100MiB}}}}}}
automation:
  - {{name: note, on: [snapshot.created], run: {{command: [/bin/sh, -c, 'cat >>{notes}']}}}}
"""

BATCH = 20_000
"""Bytes of the batches in which a snapshot of eight files is pushed."""

CLIENT, ANY = "the client", "any process"
HOOKS = (
    "pre-receive\0--store", "hooks/pre-receive", "hooks/reference-transaction",
    "post-receive\0--store", "hooks/post-receive",
)  # fmt: skip
"""Words of the command lines of the hooks: those in Python, and the scripts."""


class Victim(NamedTuple):
    """A process of a push: how that comes in, and words of the command line."""

    front: str
    word: str


FIRST = (
    Victim("ssh", "store\0shell"),
    Victim("path", "receive-pack"),
    Victim("http", "store\0http-backend"),
    Victim("path", "post-receive\0--store"),
)
REST = (
    *(Victim("path", word) for word in (*HOOKS, "index-pack", CLIENT, ANY)),
    *(Victim("ssh", word) for word in ("sshd", "receive-pack", *HOOKS, "index-pack", CLIENT, ANY)),
    *(
        Victim("http", word)
        for word in ("git\0http-backend", "receive-pack", *HOOKS, "index-pack", CLIENT, ANY)
    ),
)
VICTIMS = dict.fromkeys([*FIRST, *REST])


@pytest.fixture
def rounds(request: pytest.FixtureRequest) -> int:
    """How many pushes are killed: by default, one for each of the first victims."""
    return int(request.config.getoption("crashes") or len(FIRST))


@pytest.mark.real_starts
def test_a_push_that_is_killed_anywhere_leaves_nothing(tmp_path: Path, rounds: int) -> None:
    store = stores.make_store(tmp_path / "store", CONFIG.format(notes=tmp_path / "notes"))
    model = stores.add_model(store)
    pool = Pool.make(tmp_path / "pool.git", rounds)
    draw, killed = random.Random(rounds), Counter[str]()
    with fronts.opened(store, tmp_path) as ways:
        victims = [victim for victim in VICTIMS if victim.front in ways]
        for number, name in enumerate(pool.snapshots):
            victim = victims[number % len(victims)]
            with working(store, patience=draw.random() * 0.5 if number % 4 == 1 else None) as worker:
                killed[victim.front] += push_and_kill(
                    pool, ways[victim.front], name, store=store, victim=victim, draw=draw, but=worker
                )
                fsck(model.directory)
                assert push(pool, ways[victim.front], name).wait(60) == 0
                check_told(store, pool, number)
    assert killed.keys() == ways.keys() and all(killed.values())
    check_store(store, model, pool)
    check_worker(store, tmp_path / "notes", kills=len(range(1, rounds, 4)))


@combinations.rest
@pytest.mark.real_starts
def test_a_push_in_batches_that_is_killed_anywhere(tmp_path: Path, rounds: int) -> None:
    """The retry goes on, each snapshot is told of once, and nothing stays in transit."""
    store = stores.make_store(tmp_path / "store", CONFIG.format(notes=tmp_path / "notes"))
    stored, model = stores.add_model(store), models.make(tmp_path / "digits")
    git("config", "gitstore.pushBatch", str(BATCH), cwd=model.directory)
    draw, names = random.Random(rounds), [f"v{number}" for number in range(max(1, rounds // 5))]
    with fronts.opened(store, tmp_path) as ways:
        for number, name in enumerate(names):
            models.put(model, "initial", {file: draw.randbytes(BATCH // 2) for file in "abcdefgh"})
            models.take(model, name)
            front = list(ways.values())[number % len(ways)]
            process = push_by_gitstore(model, front)
            hunting.kill(find_victim(process.pid, front, draw.choice([CLIENT, ANY]), draw) or process.pid)
            process.wait(60)
            hunting.wait_until_left(store.root)
            fsck(stored.directory)
            assert push_by_gitstore(model, front).wait(60) == 0
            assert stores.list_refs(stored.directory) == {
                ref: oid for ref, oid in stores.list_refs(model.directory).items() if "/states/" not in ref
            }
    collect_store(store, None, dry_run=False, now=stores.NOW)
    assert find_created(store) == Counter(names)
    with store.ledger() as ledger:
        assert ledger.pending() == []
        assert audit(store, ledger).problems == []


def push_by_gitstore(model: Model, front: Front) -> subprocess.Popen[bytes]:
    """Push all snapshots of a model."""
    return subprocess.Popen(
        [sys.executable, "-Pm", "gitstore.cli", "push", front.make_url("ada/digits")],
        cwd=model.directory,
        env=dict(front.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def push(pool: Pool, front: Front, name: str) -> subprocess.Popen[bytes]:
    """Push a snapshot and its state."""
    refs = [f"refs/tags/{name}", f"refs/states/{name}", "refs/heads/main"]
    return subprocess.Popen(
        ["git", "push", "--quiet", "--atomic", front.make_url("ada/digits"), *refs],
        cwd=pool.directory,
        env=dict(front.environment),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def push_and_kill(
    pool: Pool, front: Front, name: str, *, store: Store, victim: Victim, draw: random.Random, but: int | None
) -> bool:
    """Push a snapshot, kill one process a moment after it began, and wait for the end of all others.

    Returns whether there was one. What git told the client that the store has is there.
    """
    process = push(pool, front, name)
    found = find_victim(process.pid, front, victim.word, draw)
    if found is not None:
        hunting.kill(found)
    is_pushed = process.wait(60) == 0
    hunting.wait_until_left(store.root, but=but)
    if is_pushed:
        assert f"refs/tags/{name}" in stores.list_refs(store.find_model("ada/digits").directory)
    return found is not None


def find_victim(client: int, front: Front, word: str, draw: random.Random) -> int | None:
    """Wait for a process of a push, and for a moment in its life."""
    if word in (CLIENT, ANY):
        time.sleep(draw.random())
    if word == CLIENT:
        return client
    if word == ANY:
        found = [each.pid for each in hunting.descendants(front.server or client) if is_serving(each, front)]
        return draw.choice([client, *found])

    def is_wanted(found: Found) -> bool:
        return word in "\0".join(found.words) and is_serving(found, front)

    process = hunting.wait_for(front.server or client, is_wanted, until=client)
    if process is None:
        return None
    time.sleep(draw.random() * draw.choice([0, 0.005, 0.1]))  # some of them live for a moment
    return process.pid


def is_serving(found: Found, front: Front) -> bool:
    """Whether a process takes part in a push. Over HTTP, that is the second request."""
    return front.name != "http" or found.has_variable(b"REQUEST_METHOD=POST")


@contextmanager
def working(store: Store, *, patience: float | None) -> Iterator[int | None]:
    """Run a worker meanwhile, and kill it after so many seconds; none without."""
    if patience is None:
        yield None
        return
    command = [sys.executable, "-Pm", "gitstore.cli", "store", "worker", f"--store={store.root}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        yield process.pid
        time.sleep(patience)
        process.kill()


def find_created(store: Store) -> Counter[str]:
    """How often each snapshot was created, as the events say."""
    with store.ledger() as ledger:
        stored = [each.event for each in list_events(ledger.connection, most=1_000_000)]
    return Counter(event.snapshot for event in stored if isinstance(event, SnapshotCreated))


def check_told(store: Store, pool: Pool, number: int) -> None:
    """Each snapshot so far was told of once; of the last one, perhaps nobody has told yet.

    What nobody recorded is recorded by the next push: this one, if the retry had nothing to send.
    """
    created = find_created(store)
    assert created[pool.snapshots[number]] <= 1
    assert [name for name in pool.snapshots[:number] if created[name] != 1] == []


def check_store(store: Store, model: StoreModel, pool: Pool) -> None:
    """Everything is there once, and nothing is left of the pushes that were killed."""
    collect_store(store, None, dry_run=False, now=stores.NOW)
    found = {path for path in store.root.rglob("*") if LEFT.search(path.name)}
    assert found <= {model.directory / "gitstore" / "merge.lock"}
    assert find_created(store) == Counter(pool.snapshots)
    # gitstore marks packs of its own so; git those that it receives.
    keeps = model.directory.glob("objects/pack/*.keep")
    assert [path for path in keeps if path.read_bytes().startswith(b"receive-pack")] == []
    refs = stores.list_refs(model.directory)
    assert {name: refs.get(f"refs/states/{name}") for name in pool.snapshots} == {
        name: str(oid) for name, oid in pool.states.items()
    }
    with store.ledger() as ledger:
        assert ledger.pending() == []
        assert audit(store, ledger).problems == []
    fsck(model.directory)


def check_worker(store: Store, notes: Path, *, kills: int) -> None:
    """A worker that is not killed does the rest, once the leases of the others have ended."""
    Worker(StorePlace(store), clock=lambda: journal.read_clock() + 2 * round(LEASE * 1e6)).work_once()
    with store.ledger() as ledger:
        stored = list_events(ledger.connection, most=1_000_000)
    created = [each.id for each in stored if isinstance(each.event, SnapshotCreated)]
    assert {delivery.state for each in stored for delivery in each.deliveries} == {"delivered"}
    delivered = Counter(re.findall(r'"id": "(\w+)"', notes.read_text()))
    assert delivered.keys() == set(created)
    assert delivered.total() <= len(created) + kills
