"""Many clients of a store at once: what they push and ask for, and what each of them was told."""

from __future__ import annotations

import random
import re
import subprocess
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from gitstore.packs.oid import Oid
from tests.support.commands import git
from tests.support.crafting import Craft
from tests.support.histories import Operation, QuotaPush

Action = Callable[["Client"], None]

REFUSALS = {
    "snapshot-fixed": "exists already",
    "quota": "quota_exceeded|the push needs .* left of",
    "moved": r"\((stale info|fetch first|non-fast-forward)\)|is at .* but expected|reference already exists",
    "raced": r"cannot lock ref|failed to update ref|Unable to create '.*\.lock': File exists",
    "gone": r"there is no model|has no snapshot|remote ref does not exist|couldn't find remote ref",
    "busy": r"somebody pushes to|is locked|another (gitstore|git) (command|process)",
    "exists": "exists already|already exists",
}
"""What a client may be told because others are there, too: by name, a pattern of the message."""


class Told(NamedTuple):
    """What one action of a client led to: `outcome` is done, a name of `REFUSALS`, or failed."""

    client: int
    action: str
    outcome: str
    text: str


@dataclass
class Pool:
    """A repository with snapshots to push: each has its own weights, and all have the same code."""

    directory: Path
    snapshots: Sequence[str]
    tags: Mapping[str, Oid]
    states: Mapping[str, Oid]

    @classmethod
    def make(cls, directory: Path, count: int) -> Pool:
        """Make one, with the snapshots p00000 and so on, and the state s of each as states/p00000."""
        git("init", "--quiet", "--bare", "--initial-branch=main", str(directory), cwd=directory.parent)
        craft, draw = Craft(), random.Random(count)
        root = craft.commit(craft.tree({"settings.yaml": b"name: digits\n", "code": {"model.py": b"pass\n"}}))
        lines = [f"create refs/heads/main {root}"]
        tags: dict[str, Oid] = {}
        states: dict[str, Oid] = {}
        names = [f"p{number:05}" for number in range(count)]
        for name in names:
            state = {"w": draw.randbytes(draw.randrange(10, 3000))}
            tags[name] = craft.snapshot(name, root, state=state)
            lines.append(f"create refs/tags/{name} {tags[name]}")
            states[name] = craft.commit(craft.tree(state))
            lines.append(f"create refs/states/{name} {states[name]}")
        git("index-pack", "--stdin", cwd=directory, stdin=craft.pack())
        git("update-ref", "--stdin", cwd=directory, stdin="\n".join(lines).encode() + b"\n")
        return cls(directory, names, tags, states)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The bytes that each state takes in a pack: its commit, its tree and its one file."""
        asked = "".join(f"{oid}\n{oid}^{{tree}}\n{oid}:w\n" for oid in self.states.values())
        said = git("cat-file", "--batch-check=%(objectsize:disk)", cwd=self.directory, stdin=asked.encode())
        sizes = [int(line) for line in said.splitlines()]
        return {name: sum(sizes[3 * at : 3 * at + 3]) for at, name in enumerate(self.states)}


@dataclass
class Client:
    """One of many: it has its own random numbers and its own place on the disk."""

    number: int
    pool: Pool
    directory: Path
    make_url: Callable[[str], str]
    verb: Sequence[str]
    environment: Mapping[str, str]
    draw: random.Random
    told: list[Told] = field(default_factory=list)
    history: dict[str, list[Operation[object]]] = field(default_factory=lambda: defaultdict(list))
    """What it did to the refs of a model that others change, too, and what it saw of them."""

    quota: list[QuotaPush] = field(default_factory=list)
    """What it brought to a model with little room, and took away."""

    accepted: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    """What git said that the store has: the values of refs of models, one after the other."""

    unused: list[str] = field(default_factory=list)
    """Snapshots of the pool that no other client uses, and this one has not used yet."""

    seen: list[str] = field(default_factory=list)
    """Snapshots of the pool that were in the model that all push to."""

    held: list[str] = field(default_factory=list)
    """States that it has in the model with little room."""

    @property
    def outcome(self) -> str:
        """How its last command ended."""
        return self.told[-1].outcome

    def run(self, action: str, *words: str, cwd: Path | None = None) -> str | None:
        """Run a command; returns what it printed if it succeeded. Records what it was told."""
        done = subprocess.run(
            words,
            cwd=cwd or self.directory,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=300,
            check=False,
        )
        outcome = "done" if done.returncode == 0 else _classify(done.stderr)
        self.told.append(Told(self.number, action, outcome, "" if outcome == "done" else done.stderr))
        return done.stdout if done.returncode == 0 else None

    def push(self, model: str, *specs: str, options: Sequence[str] = ()) -> bool:
        """Push refs of the pool to a model of the store."""
        words = ["git", "push", "--quiet", "--atomic", *options, self.make_url(model), *specs]
        return self.run("push", *words, cwd=self.pool.directory) is not None

    def command(self, name: str, *words: str) -> str | None:
        """Run a verb of the store."""
        return self.run(name, *self.verb, name, *words)


def _classify(text: str) -> str:
    return next((name for name, pattern in REFUSALS.items() if re.search(pattern, text)), "failed")


def run_clients(clients: Sequence[Client], plan: Callable[[Client], Iterable[Action]]) -> list[Told]:
    """Let all clients do at once what the plan has for each; returns what they were told, one by one."""
    stop = threading.Event()

    def work(client: Client) -> None:
        for action in plan(client):
            if stop.is_set():
                break
            try:
                action(client)
            except BaseException:
                stop.set()
                raise

    with ThreadPoolExecutor(len(clients)) as threads:
        for future in [threads.submit(work, client) for client in clients]:
            future.result()
    return [told for client in clients for told in client.told]


def summarize(told: Sequence[Told]) -> str:
    """How often what happened, for a person."""
    counts = Counter((one.action, one.outcome) for one in told)
    return "\n".join(
        f"{action:10} {outcome:15} {count:6}" for (action, outcome), count in sorted(counts.items())
    )
