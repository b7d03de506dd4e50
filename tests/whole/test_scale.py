"""Thousands of snapshots and models: what a command does grows with what it shows, and not faster.

Counted, not timed: objects read, lists of all refs, git processes, and calls of functions at all.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType

import pytest

from gitstore.git import process as stock_git
from gitstore.git.refs import Refs
from gitstore.models.model import Model
from gitstore.objects.database import ObjectDatabase
from gitstore.settings import loading
from tests.support import combinations, large
from tests.support.amounts import Amounts
from tests.support.commands import Fsck, Run
from tests.support.models import put

SMALL = Amounts(snapshots=60, models=12, states=12, packs=6, chained=6, worktrees=12, chain=3)
LARGE = Amounts(snapshots=240, models=48, states=48, packs=6, chained=24, worktrees=48, chain=3)
TIMES = 4

WATCHED: dict[CodeType, str] = {
    ObjectDatabase.read.__code__: "read",
    Refs.list_below.__code__: "refs",
    stock_git.attempt.__code__: "git",
}


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A repository of some size, and one that is four times as large."""
    return {
        name: large.make(tmp_path_factory.mktemp(name) / "digits", amounts).directory
        for name, amounts in {"small": SMALL, "large": LARGE}.items()
    }


def work(run: Run, directory: Path, *arguments: str) -> Counter[str]:
    """What a command does, as its second run: the first one imports."""
    found: Counter[str] = Counter()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            found["calls"] += 1
            found[WATCHED.get(frame.f_code, "other")] += 1

    loading._parse.cache_clear()  # as in a process of its own
    loading._parse_key.cache_clear()
    sys.setprofile(note)
    try:
        done = run(*arguments, cwd=directory)
    finally:
        sys.setprofile(None)
    assert done.code == 0, done.stderr
    return found


def both(run: Run, places: dict[str, Path], *arguments: str) -> tuple[Counter[str], Counter[str]]:
    run(*arguments, "--help", cwd=places["small"])
    return work(run, places["small"], *arguments), work(run, places["large"], *arguments)


@combinations.sample(3)
@pytest.mark.parametrize(
    "command",
    [
        ("list",),
        ("list", "--all"),
        ("models",),
        ("log",),
        ("usage",),
        ("gc", "--dry-run"),
        ("rm", "-n", "v00007"),
    ],
    ids=" ".join,
)
def test_it_grows_as_what_there_is(run: Run, places: dict[str, Path], command: tuple[str, ...]) -> None:
    small, large = both(run, places, *command)
    assert large["git"] == small["git"] <= 3
    assert large["refs"] == small["refs"] <= 4
    assert small["read"] <= large["read"] <= TIMES * small["read"]
    assert large["calls"] <= TIMES * small["calls"]


@combinations.sample(3)
@pytest.mark.parametrize("command", ["snapshot", "derive", "state save", "show", "diff"])
def test_it_does_not_grow(run: Run, places: dict[str, Path], command: str) -> None:
    """But for the packs, which are as many here."""
    arguments = {
        "snapshot": ("snapshot", "new"),
        "derive": ("derive", "v00007", "dogs"),
        "state save": ("state", "save", "initial"),
        "show": ("show", "v00007"),
        "diff": ("diff", "v00007", "v00042"),
    }[command]
    for place in places.values():
        put(Model.open(place), "initial", {"weights": command.encode()})
    small, large = both(run, places, *arguments)
    assert (large["git"], large["refs"], large["read"]) == (small["git"], 0, small["read"])
    assert large["calls"] <= 1.2 * small["calls"]


CHAIN, ROOM = 160, 120
"""Models in a chain, and the frames of Python's stack that a command may use: too few for recursion."""


@contextmanager
def shallow_stack() -> Iterator[None]:
    limit, depth = sys.getrecursionlimit(), sum(1 for _ in traceback.walk_stack(None))
    sys.setrecursionlimit(depth + ROOM)
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


@pytest.fixture(scope="module")
def chains(places: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Repositories with chains of models, each based on the one before."""
    found = {}
    for name, length in {"small": CHAIN // TIMES, "large": CHAIN}.items():
        amounts = Amounts(
            snapshots=1, models=length, states=1, packs=1, chained=length, worktrees=0, chain=length
        )
        found[name] = large.make(tmp_path_factory.mktemp(name) / "digits", amounts).directory
    return found


def test_a_chain_is_deeper_than_the_stack(chains: dict[str, Path], run: Run) -> None:
    place = chains["large"]
    with shallow_stack():
        with pytest.raises(RecursionError):
            _deep(CHAIN)
        drawn = run("log", cwd=place).stdout.splitlines()
        assert len(drawn) == 2 + 2 * CHAIN
        assert drawn[-2].endswith(f"└─ model{CHAIN - 1:04}")
        rows = json.loads(run("log", "--json", cwd=place).stdout)
        assert [row["model"] for row in rows] == ["digits", *(f"model{each:04}" for each in range(CHAIN))]
        assert rows[1]["snapshots"][0]["models"] == ["model0001"]
        assert len(run("models", cwd=place).stdout.splitlines()) == 2 + CHAIN
        done = run("derive", f"model{CHAIN - 1:04}@v1", "last", "--json", cwd=place)
        assert (done.code, done.stderr) == (0, "")


def _deep(frames: int) -> None:
    if frames:
        _deep(frames - 1)


@combinations.sample(2)
@pytest.mark.parametrize("command", ["log", "models"])
def test_it_grows_as_the_chain(chains: dict[str, Path], run: Run, command: str) -> None:
    small, large = both(run, chains, command)
    assert large["read"] <= TIMES * small["read"]
    assert large["calls"] <= TIMES * small["calls"]


def test_what_is_built_here_is_what_gitstore_writes(places: dict[str, Path], run: Run, fsck: Fsck) -> None:
    fsck(places["small"])
    assert run("verify", "--all", cwd=places["small"]).code == 0
