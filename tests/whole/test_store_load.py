"""Many clients of a store at once, over ssh and HTTP: no error that is not the policy's, and all adds up.

The suite runs a few clients for a few actions; `make load` 32 for minutes, `make stress` 10,000 small pushes.
"""

from __future__ import annotations

import math
import os
import random
import shlex
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from gitstore.outbox.events import ModelDeleted, ModelEvent, SnapshotCreated, SnapshotDeleted
from gitstore.outbox.listing import list_events
from gitstore.store import hooks
from gitstore.store.audit import audit
from gitstore.store.front import keys
from gitstore.store.gc import collect_store
from gitstore.store.store import Store
from tests.support import sshd, stores
from tests.support.commands import fsck, git
from tests.support.histories import linearize, look, swap
from tests.support.load import Action, Client, Pool, run_clients, summarize

USER = "ada"
SHARED, REGISTER = "ada/shared", "refs/states/register"
OWNERS = """\
owners:
  ada: {members: {ada: admin}, quota: {hard: 100MiB}}
  eve: {members: {ada: admin}, quota: {hard: 40KB}}
"""
MOST_SHARED, MOST_OWN = 40, 40
FEW = 6
"""What each client does in the suite."""


def push_own(client: Client) -> None:
    """A snapshot and its state to the client's own model."""
    name = client.draw.choice(client.pool.snapshots[:MOST_SHARED])
    client.push(f"ada/own{client.number}", f"refs/tags/{name}", f"refs/states/{name}", "refs/heads/main")


def push_shared(client: Client) -> None:
    """Snapshots to a model that all push to."""
    names = client.draw.sample(client.pool.snapshots[:MOST_SHARED], 3)
    client.push(SHARED, *(f"refs/tags/{name}" for name in names), "refs/heads/main")


def push_limited(client: Client) -> None:
    """A state to a model whose owner has little room."""
    name = client.draw.choice(client.pool.snapshots[:MOST_SHARED])
    client.push("eve/limited", f"refs/states/{name}")


def pull(client: Client) -> None:
    """All of the shared model, into a repository of the client's own."""
    copy = client.directory / "copy.git"
    if not copy.exists():
        git("init", "--quiet", "--bare", str(copy), cwd=client.directory)
    refspecs = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]
    client.run("pull", "git", "fetch", "--quiet", "--prune", client.make_url(SHARED), *refspecs, cwd=copy)


def derive(client: Client) -> None:
    """A model from a snapshot of the shared one, which may be gone by then; and its end."""
    name = f"ada/derived{client.number}"
    base = f"{SHARED}@{client.draw.choice(client.pool.snapshots[:MOST_SHARED])}"
    if client.command("derive", base, name) is not None:
        client.push(name, f"refs/states/{client.draw.choice(client.pool.snapshots[:MOST_SHARED])}")
        client.command("rm", "--yes", name)


def remove(client: Client) -> None:
    """A snapshot of the shared model, and a state of the limited one."""
    client.command("rm", "--yes", f"{SHARED}@{client.draw.choice(client.pool.snapshots[:MOST_SHARED])}")
    client.push("eve/limited", f":refs/states/{client.draw.choice(client.pool.snapshots[:MOST_SHARED])}")


def swap_register(client: Client) -> None:
    """Look at a state of the shared model, and give it a new value if it still has that one."""
    if not client.unused:
        return
    url, name, start = client.make_url(SHARED), client.unused.pop(), time.monotonic()
    listed = client.run("look", "git", "ls-remote", url, REGISTER)
    if listed is None:
        return
    seen, middle = listed.partition("\t")[0] or None, time.monotonic()
    client.history.append(look(REGISTER, seen, start=start, end=middle))
    lease, new = f"--force-with-lease={REGISTER}:{seen or ''}", str(client.pool.states[name])
    moved = client.push(SHARED, f"{new}:{REGISTER}", options=[lease])
    end = time.monotonic()
    client.history.append(swap(REGISTER, seen, new, start=middle, end=end, moved=moved))


ACTIONS: list[Action] = [
    push_own, push_own, push_shared, push_shared, push_limited,
    pull, derive, remove, swap_register, swap_register,
]  # fmt: skip
"""What clients do; what stands here twice is done twice as often."""


@dataclass(frozen=True)
class Front:
    """A way into the store for ada: URLs of models, the words before a verb, and the environment."""

    prefix: str
    verb: tuple[str, ...]
    environment: Mapping[str, str]

    def make_url(self, model: str) -> str:
        return f"{self.prefix}/{model}.git"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = stores.make_store(tmp_path / "store", OWNERS)
    for name in (SHARED, "eve/limited"):
        stores.add_model(store, name)
    return store


@pytest.fixture
def fronts(store: Store, tmp_path: Path) -> Iterator[list[Front]]:
    """ssh, if it is installed, and HTTP, where verbs are those of the operator."""
    local = (hooks.find_python(), "-Pm", "gitstore.cli", "store")
    with ExitStack() as stack:
        web = stack.enter_context(stores.web_server(store)).replace("//", f"//{USER}:secret@")
        found = [Front(web, local, {**os.environ, "GITSTORE_STORE": str(store.root)})]
        try:
            server = stack.enter_context(sshd.running(tmp_path / "sshd"))
        except pytest.skip.Exception:
            yield found
            return
        (store.keys_directory / "ada.pub").write_text(server.make_key("ada") + "\n")
        keys.install(store, server.authorized_keys)
        ssh = server.command("ada")
        host = server.make_url("").removeprefix("ssh://").partition(":")[0]
        verb = (*ssh, "-p", str(server.port), host)
        environment = {**os.environ, "GIT_SSH_COMMAND": shlex.join(ssh)}
        yield [*found, Front(server.make_url("").rstrip("/"), verb, environment)]


def test_many_clients_at_once(
    store: Store, fronts: list[Front], tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    number, seconds = request.config.getoption("clients"), request.config.getoption("seconds")
    most = math.inf if seconds else FEW
    pool = Pool.make(tmp_path / "pool.git", MOST_OWN * number)
    clients = [make_client(store, tmp_path, pool, fronts, number=each) for each in range(number)]
    told = run_clients(clients, ACTIONS, most=most, seconds=seconds or math.inf)
    print(summarize(told))
    assert [one for one in told if one.outcome == "failed"] == []
    check_store(store)
    last = stores.list_refs(store.find_model(SHARED).directory).get(REGISTER)
    operations = [operation for client in clients for operation in client.history]
    assert linearize(operations, None, final=last) is not None, "\n".join(map(str, operations))


def make_client(store: Store, root: Path, pool: Pool, fronts: list[Front], *, number: int) -> Client:
    """A client with a directory of its own, which comes in by one of the ways."""
    stores.add_model(store, f"ada/own{number}")
    directory = root / f"client{number}"
    directory.mkdir()
    front, draw = fronts[number % len(fronts)], random.Random(number)
    client = Client(number, pool, directory, front.make_url, front.verb, front.environment, draw)
    client.unused = list(pool.snapshots[MOST_OWN * number : MOST_OWN * (number + 1)])
    return client


def check_store(store: Store) -> None:
    """The ledger has what all repositories have, git finds nothing wrong, and nothing is left over."""
    collect_store(store, None, dry_run=False, now=stores.NOW)
    with store.ledger() as ledger:
        assert audit(store, ledger).problems == []
        assert ledger.pending() == []
        recorded = {name: list(ledger.refs(name)) for name in ledger.models()}
        events = [each.event for each in list_events(ledger.connection, most=1_000_000)]
    for model in store.models():
        fsck(model.directory)
    check_events(events, recorded)


def check_events(events: list[ModelEvent], recorded: Mapping[str, Sequence[str]]) -> None:
    """Each snapshot that exists was created once more than it was deleted, and no other one."""
    living: Counter[tuple[str, str]] = Counter()
    for event in events:
        if isinstance(event, SnapshotCreated):
            living[event.full_name, event.ref] += 1
            assert living[event.full_name, event.ref] == 1
        elif isinstance(event, SnapshotDeleted):
            living[event.full_name, event.ref] -= 1
        elif isinstance(event, ModelDeleted):
            for name, ref in [key for key in living if key[0] == event.full_name]:
                living[name, ref] = 0
    exist = {(name, ref) for name, refs in recorded.items() for ref in refs if ref.startswith("refs/tags/")}
    assert {key for key, count in living.items() if count} == {
        key for key in exist if not key[0].startswith("ada/derived")
    }
