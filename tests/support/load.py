"""Many clients of a store at once: what they push and ask for, and what each of them was told."""

from __future__ import annotations

import random
import re
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gitstore.packs.oid import Oid
from tests.support.commands import git
from tests.support.crafting import Craft
from tests.support.histories import Operation

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
    states: Mapping[str, Oid]

    @classmethod
    def make(cls, directory: Path, count: int) -> Pool:
        """Make one, with the snapshots p00000 and so on, and the state s of each as states/p00000."""
        git("init", "--quiet", "--bare", "--initial-branch=main", str(directory), cwd=directory.parent)
        craft, draw = Craft(), random.Random(count)
        root = craft.commit(craft.tree({"settings.yaml": b"name: digits\n", "code": {"model.py": b"pass\n"}}))
        lines = [f"create refs/heads/main {root}"]
        states: dict[str, Oid] = {}
        names = [f"p{number:05}" for number in range(count)]
        for name in names:
            state = {"w": draw.randbytes(draw.randrange(10, 3000))}
            lines.append(f"create refs/tags/{name} {craft.snapshot(name, root, state=state)}")
            states[name] = craft.commit(craft.tree(state))
            lines.append(f"create refs/states/{name} {states[name]}")
        git("index-pack", "--stdin", cwd=directory, stdin=craft.pack())
        git("update-ref", "--stdin", cwd=directory, stdin="\n".join(lines).encode() + b"\n")
        return cls(directory, names, states)


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
    history: list[Operation[object]] = field(default_factory=list)
    unused: list[str] = field(default_factory=list)
    """Snapshots of the pool that no other client uses, and this one has not used yet."""

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


def run_clients(
    clients: Sequence[Client], actions: Sequence[Action], *, most: float, seconds: float
) -> list[Told]:
    """Let all clients do random actions at once; returns what they were told, one by one.

    Each does `most` actions, but no more after a time.
    """
    end = time.monotonic() + seconds
    stop = threading.Event()

    def work(client: Client) -> None:
        done = 0
        while done < most and time.monotonic() < end and not stop.is_set():
            try:
                client.draw.choice(actions)(client)
                done += 1
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
