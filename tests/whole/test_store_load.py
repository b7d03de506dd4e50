"""Many clients of a store at once, over ssh and HTTP: no error that is not the policy's, and all adds up.

In the suite, three clients do a little; `make load` is 32 of them, for minutes.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from pathlib import Path

import pytest

from gitstore.models.model import Model
from gitstore.outbox.events import (
    ModelCreated,
    ModelDeleted,
    ModelDerived,
    ModelEvent,
    SnapshotCreated,
    SnapshotDeleted,
    StateCreated,
)
from gitstore.outbox.listing import list_events
from gitstore.store import hooks
from gitstore.store.audit import audit
from gitstore.store.gc import collect_store
from gitstore.store.store import Store
from tests.support import fronts, models, stores
from tests.support.commands import fsck, git
from tests.support.fronts import Front
from tests.support.histories import Operation, QuotaPush, charge, linearize, look, swap
from tests.support.load import Action, Client, Pool, run_clients, summarize

SHARED, LIMITED, REGISTER = "ada/shared", "eve/limited", "refs/states/register"
LIMITS = {"ada": 100 * 2**20, "eve": 40_000}
OWNERS = f"""\
owners:
  ada: {{members: {{ada: admin}}, quota: {{hard: {LIMITS["ada"]}}}}}
  eve: {{members: {{ada: admin}}, quota: {{hard: {LIMITS["eve"]}}}}}
"""
BATCH = 4000
"""Bytes of the batches in which clients push snapshots of eight files."""

MOST_SHARED, MOST_OWN = 40, 40
"""Snapshots that all clients push, and that each has for itself."""


def push_own(client: Client) -> None:
    """A snapshot and its state to the client's own model."""
    name, model = client.draw.choice(client.pool.snapshots[:MOST_SHARED]), f"ada/own{client.number}"
    if client.push(model, f"refs/tags/{name}", f"refs/states/{name}", "refs/heads/main"):
        client.accepted[model, f"refs/tags/{name}"] = [str(client.pool.tags[name])]
        client.accepted[model, f"refs/states/{name}"] = [str(client.pool.states[name])]


def push_shared(client: Client) -> None:
    """Snapshots to a model that all push to."""
    names, start = client.draw.sample(client.pool.snapshots[:MOST_SHARED], 3), time.monotonic()
    if client.push(SHARED, *(f"refs/tags/{name}" for name in names), "refs/heads/main"):
        for name in names:
            client.seen.append(name)
            client.history[f"refs/tags/{name}"].append(ensure(name, str(client.pool.tags[name]), start))


def push_in_batches(client: Client) -> None:
    """A snapshot of a model with a working copy, by gitstore: in batches, over two connections."""
    name, directory = f"ada/batched{client.number}", client.directory / "batched"
    if not directory.exists():
        model = models.make(directory)
        git("config", "gitstore.pushBatch", str(BATCH), cwd=directory)
        client.command("create", name)
    else:
        model = Model.open(directory)
    snapshot = f"b{sum(1 for _ in model.repository.refs.below('refs/tags/'))}"
    models.put(model, "initial", {file: client.draw.randbytes(BATCH // 2) for file in "abcdefgh"})
    models.take(model, snapshot)
    words = [hooks.find_python(), "-Pm", "gitstore.cli", "push", client.make_url(name)]
    if client.run("push batches", *words, cwd=directory) is not None:
        ref = f"refs/tags/{snapshot}"
        client.accepted[name, ref].append(stores.list_refs(directory)[ref])


def push_limited(client: Client) -> None:
    """A state to a model whose owner has little room, or the end of one."""
    if client.held and client.draw.random() < 0.4:
        name, start = client.held[0], time.monotonic()
        if client.push(LIMITED, f":refs/states/{name}"):
            client.held.remove(name)
            client.quota.append(QuotaPush(-client.pool.sizes[name], start, time.monotonic()))
    elif client.unused:
        name, start = client.unused.pop(), time.monotonic()
        client.push(LIMITED, f"refs/states/{name}")
        fits = {"done": True, "quota": False}.get(client.outcome)
        client.quota.append(QuotaPush(client.pool.sizes[name], start, time.monotonic(), fits))
        if fits:
            client.held.append(name)
            client.accepted[LIMITED, f"refs/states/{name}"] = [str(client.pool.states[name])]


def pull(client: Client) -> None:
    """All of the shared model, into a repository of the client's own."""
    copy, start = client.directory / "copy.git", time.monotonic()
    if not copy.exists():
        git("init", "--quiet", "--bare", str(copy), cwd=client.directory)
    refspecs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    words = ("git", "fetch", "--quiet", "--prune", client.make_url(SHARED), *refspecs)
    if client.run("pull", *words, cwd=copy) is not None:
        end, refs = time.monotonic(), stores.list_refs(copy)
        for name in client.pool.snapshots[:MOST_SHARED]:
            ref = f"refs/tags/{name}"
            client.history[ref].append(look(ref, refs.get(ref), start=start, end=end))
            client.seen += [name] if ref in refs else []


def choose_shared(client: Client) -> str:
    """A snapshot that was in the shared model; it may be gone."""
    return client.draw.choice(client.seen or client.pool.snapshots[:MOST_SHARED])


def derive(client: Client) -> None:
    """A model from a snapshot of the shared one, which may be gone by then; and its end."""
    name = f"ada/derived{client.number}"
    if client.command("derive", f"{SHARED}@{choose_shared(client)}", name) is not None:
        client.push(name, f"refs/states/{client.draw.choice(client.pool.snapshots[:MOST_SHARED])}")
        client.command("rm", "--yes", name)


def remove(client: Client) -> None:
    """A snapshot of the shared model."""
    name, start = choose_shared(client), time.monotonic()
    ref = f"refs/tags/{name}"
    if client.command("rm", "--yes", f"{SHARED}@{name}") is not None:
        removal = swap(ref, str(client.pool.tags[name]), None, start=start, end=time.monotonic())
        client.history[ref].append(removal)
    elif client.outcome == "gone":
        client.history[ref].append(look(ref, None, start=start, end=time.monotonic()))


def swap_register(client: Client) -> None:
    """Look at a state of the shared model, and give it a new value if it still has that one."""
    if not client.unused:
        return
    url, name, start = client.make_url(SHARED), client.unused.pop(), time.monotonic()
    listed = client.run("look", "git", "ls-remote", url, REGISTER)
    if listed is None:
        return
    seen, middle = listed.partition("\t")[0] or None, time.monotonic()
    client.history[REGISTER].append(look(REGISTER, seen, start=start, end=middle))
    lease, new = f"--force-with-lease={REGISTER}:{seen or ''}", str(client.pool.states[name])
    moved = client.push(SHARED, f"{new}:{REGISTER}", options=[lease])
    client.history[REGISTER].append(
        swap(REGISTER, seen, new, start=middle, end=time.monotonic(), moved=moved)
    )
    if moved:
        client.accepted[SHARED, REGISTER].append(new)


def ensure(name: str, tag: str, start: float) -> Operation[object]:
    """A push after which a snapshot is there, whether or not it was there before."""
    return Operation(f"{name} is pushed", start, time.monotonic(), lambda value: _keep(value, tag))


def _keep(value: object, tag: str) -> tuple[object] | None:
    return (tag,) if value in (None, tag) else None


ACTIONS: list[Action] = [
    push_own, push_own, push_in_batches, push_shared, push_shared, push_limited, push_limited,
    pull, derive, remove, swap_register, swap_register,
]  # fmt: skip
"""What clients do; what stands here twice is done twice as often."""

SHORT: list[list[Action]] = [
    [push_shared, derive],
    [swap_register, push_limited],
    [push_own, swap_register, pull, remove],
]
"""What the clients of the suite do, one after the other."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = stores.make_store(tmp_path / "store", OWNERS)
    for name in (SHARED, LIMITED):
        stores.add_model(store, name)
    return store


def test_many_clients_at_once(store: Store, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    number, seconds = request.config.getoption("clients"), request.config.getoption("seconds")
    pool = Pool.make(tmp_path / "pool.git", MOST_SHARED + MOST_OWN * number)
    with fronts.opened(store, tmp_path) as opened, watching_quotas(store):
        ways = [opened[name] for name in ("ssh", "http") if name in opened]
        clients = [make_client(store, tmp_path, pool, ways, number=each) for each in range(number)]
        told = run_clients(clients, lambda client: plan(client, seconds))
    print(summarize(told))
    assert [one for one in told if one.outcome == "failed"] == []
    check_store(store)
    check_events(store)
    check_accepted(store, clients)
    check_histories(store, clients)


def plan(client: Client, seconds: float | None) -> Iterator[Action]:
    """What a client does: random actions for a while, or those of the suite."""
    if seconds is None:
        yield from SHORT[client.number % len(SHORT)]
        return
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield client.draw.choice(ACTIONS)


def make_client(store: Store, root: Path, pool: Pool, ways: Sequence[Front], *, number: int) -> Client:
    """A client with a directory of its own, which comes in by one of the ways."""
    stores.add_model(store, f"ada/own{number}")
    directory = root / f"client{number}"
    directory.mkdir()
    front, draw = ways[number % len(ways)], random.Random(number)
    client = Client(number, pool, directory, front.make_url, front.verb, front.environment, draw)
    client.unused = list(pool.snapshots[MOST_SHARED + MOST_OWN * number :][:MOST_OWN])
    return client


@contextmanager
def watching_quotas(store: Store) -> Iterator[None]:
    """Look all the time that what is charged and reserved fits into the quotas."""
    over: list[tuple[str, int]] = []
    is_over = threading.Event()

    def watch() -> None:
        with store.ledger() as ledger:
            while not is_over.wait(0.02):
                used: Counter[str] = Counter()
                for balance in ledger.balances():
                    used[balance.owner] += balance.bytes + balance.reserved
                over.extend((owner, size) for owner, size in used.items() if size > LIMITS[owner])

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join()
    assert over == []


def check_store(store: Store) -> None:
    """The ledger has what all repositories have, git finds nothing wrong, and nothing is left over."""
    collect_store(store, None, dry_run=False, now=stores.NOW)
    with store.ledger() as ledger:
        assert audit(store, ledger).problems == []  # the chain of rows, too
        assert ledger.pending() == []
        rows = list(ledger.rows())
    used: Counter[str] = Counter()
    for row, following in zip_longest(rows, rows[1:]):
        used[row.owner] += row.bytes
        if following is None or following.transaction != row.transaction:
            assert 0 <= used[row.owner] <= LIMITS[row.owner], row
    for model in store.models():
        fsck(model.directory)


def check_events(store: Store) -> None:
    """The events alone tell which models, snapshots and states there are, with their values."""
    with store.ledger() as ledger:
        events = [each.event for each in list_events(ledger.connection, most=1_000_000)]
    existing: dict[str, dict[str, str]] = {}
    for event in events:
        replay(event, existing)
    stored = {model.full_name: stores.list_refs(model.directory) for model in store.models()}
    assert existing.keys() == stored.keys()
    for name, refs in stored.items():
        # A derived model begins with a state and its base, which model.derived tells of. No event tells of
        # a state that goes.
        told = {
            ref: oid for ref, oid in existing[name].items() if ref in refs or ref.startswith("refs/tags/")
        }
        begun = {ref for ref in refs if ref.startswith("refs/heads/") or name.startswith("ada/derived")}
        assert told == {ref: oid for ref, oid in refs.items() if ref not in begun - told.keys()}, name


def replay(event: ModelEvent, existing: dict[str, dict[str, str]]) -> None:
    """Do what an event tells: whatever is told twice, or not told, does not fit."""
    name = event.full_name
    match event:
        case ModelCreated() | ModelDerived():
            assert name not in existing
            existing[name] = {}
        case ModelDeleted():
            del existing[name]
        case SnapshotCreated():
            assert event.ref not in existing[name]
            existing[name][event.ref] = event.tag
        case SnapshotDeleted():
            assert existing[name].pop(event.ref) == event.tag
        case StateCreated():
            if name != LIMITED:
                assert existing[name].get(event.ref) == event.replaced or name.startswith("ada/derived")
            existing[name][event.ref] = event.commit


def check_accepted(store: Store, clients: Sequence[Client]) -> None:
    """Whatever git told a client that the store has is there, and was told once."""
    with store.ledger() as ledger:
        events = [each.event for each in list_events(ledger.connection, most=1_000_000)]
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for event in events:
        if isinstance(event, SnapshotCreated | StateCreated):
            value = event.tag if isinstance(event, SnapshotCreated) else event.commit
            told[event.full_name, event.ref].append(value)
    accepted: dict[tuple[str, str], list[str]] = defaultdict(list)
    for client in clients:
        for place, values in client.accepted.items():
            accepted[place] += values
    for place, values in accepted.items():
        assert sorted(told[place]) == sorted(values), place
    limited = stores.list_refs(store.find_model(LIMITED).directory)
    assert limited.keys() == {f"refs/states/{name}" for client in clients for name in client.held}
    for client in clients:
        own = {ref: values[-1] for (model, ref), values in client.accepted.items() if "/own" in model}
        refs = stores.list_refs(store.find_model(f"ada/own{client.number}").directory)
        assert {ref: oid for ref, oid in refs.items() if not ref.startswith("refs/heads/")} == own


def check_histories(store: Store, clients: Sequence[Client]) -> None:
    """Each ref of the shared model is a register, the quota a counter with a limit: all is linearizable."""
    last = stores.list_refs(store.find_model(SHARED).directory)
    histories: dict[str, list[Operation[object]]] = defaultdict(list)
    for client in clients:
        for ref, operations in client.history.items():
            histories[ref] += operations
    for ref, operations in histories.items():
        now = time.monotonic()
        end = look(ref, last.get(ref), start=now, end=now)
        assert linearize([*operations, end], None) is not None, "\n".join(map(str, operations))
    pushes = [push for client in clients for push in client.quota]
    with store.ledger() as ledger:
        used = sum(balance.bytes for balance in ledger.balances("eve"))
    assert used == sum(push.bytes for push in pushes if push.fits)
    counted = charge(pushes, limit=LIMITS["eve"])
    assert linearize(counted, 0, final=used) is not None, "\n".join(map(str, counted))
