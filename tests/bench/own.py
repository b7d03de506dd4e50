"""What only gitstore is asked: derive, start-up, a long list, memory."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.bench.data import Sample
from tests.bench.measure import Peak, disk_use, file_bytes
from tests.bench.tools import Gitstore, Scratch

_TRIES = 10
_DERIVES = 3

# Runs beside gitstore: a thousand process starts would say nothing about a long list.
_MANY = """
import sys
from pathlib import Path
from gitstore.cli.main import cli
directory, weights, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
for number in range(count):
    weights.write_bytes(number.to_bytes(8, "big") * 128)
    arguments = ["-C", str(directory), "snapshot", f"s{number:05}", "-m", f"number {number}"]
    cli.main(arguments, prog_name="gitstore", standalone_mode=False)
"""


@dataclass(frozen=True, slots=True)
class Derive:
    """Seconds of each derive, and what the first one added to the repository."""

    seconds: tuple[float, ...]
    added: int
    added_in_files: int


@dataclass(frozen=True, slots=True)
class LongList:
    """How long many snapshots took to make, all of them, and how long each listing took."""

    count: int
    creation: float
    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Own:
    """All that is asked of gitstore alone."""

    size: int
    derive: Derive
    start: tuple[float, ...]
    long_list: LongList
    snapshot_peak: Peak
    export_peak: Peak


def ask(tool: Gitstore, sample: Sample, root: Path, count: int) -> Own:
    """Measure everything in `root`, which is gone afterwards. CommandFailed if a command fails."""
    try:
        scratch = Scratch(root / "large")
        scratch.make()
        tool.prepare(scratch)
        shutil.copyfile(sample.weights, tool.weights())
        snapshot_peak = tool.call_watched("snapshot", "v1", "-m", "v1")
        derive = _derive(tool)
        export_peak = tool.call_watched("export", "v1", scratch.out)
        start = tuple(_seconds(lambda: tool.run(*tool.command, "--version", cwd=root)) for _ in range(_TRIES))
        shutil.rmtree(scratch.root)
        long_list = _long_list(tool, Scratch(root / "many"), count)
        return Own(sample.size, derive, start, long_list, snapshot_peak, export_peak)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _derive(tool: Gitstore) -> Derive:
    """Derive a few models; the first one's bytes are what counts, without the worktree's index."""
    repository = tool.scratch.work / ".git"
    before, files_before = disk_use(repository), file_bytes(repository)
    seconds, added, in_files = [], 0, 0
    for number in range(_DERIVES):
        name = f"other{number or ''}"
        place = tool.scratch.root / name
        seconds.append(_seconds(partial(tool.call, "derive", "v1", name, place)))
        if number == 0:
            index = sum(path.stat().st_size for path in repository.glob("worktrees/*/index"))
            added = disk_use(repository) - before - index
            in_files = file_bytes(repository) - files_before - index
    return Derive(tuple(seconds), added, in_files)


def _long_list(tool: Gitstore, scratch: Scratch, count: int) -> LongList:
    """Make `count` snapshots of a 1 KiB state that differs in each, and list them."""
    scratch.make()
    tool.prepare(scratch)
    python = Path(shutil.which(tool.command[0]) or tool.command[0]).with_name("python")
    creation = _seconds(lambda: tool.run(python, "-P", "-c", _MANY, scratch.work, tool.weights(), str(count)))
    return LongList(count, creation, tuple(_seconds(lambda: tool.call("list")) for _ in range(_TRIES)))


def _seconds(action: Callable[[], object]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start
