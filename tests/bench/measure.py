"""How things are measured: seconds, bytes on disk, memory. Knows no tool.

The benchmark's own process stays small, and does heavy work in `apart`: Linux counts what the
parent had in memory at the time of the fork into the child's `ru_maxrss`.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from gitstore.run.worker import guardian
from tests.support.memory import list_children, sampling

P = ParamSpec("P")
T = TypeVar("T")


class CommandFailed(Exception):
    """A command of a tool failed; the message is its last line."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds until the command returned, and until a sync after it had returned too.

    `cpu` is the seconds of a core in all processes that ended meanwhile.
    """

    returned: float
    durable: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Peak:
    """Memory of one command, in bytes.

    `resident` is `ru_maxrss`: of the largest process, pages of mapped files included. `anonymous` is
    the sum over its processes of what the kernel cannot drop, sampled 50 times a second.
    """

    resident: int
    anonymous: int

    @property
    def worst(self) -> int:
        return max(self.resident, self.anonymous)


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds until a command returned, seconds of a core in all its processes, and bytes of memory.

    `resident` is of the largest process, pages of mapped files included. `anonymous` is of all processes at
    one time, without these pages, sampled 50 times a second.
    """

    seconds: float
    cpu: float
    resident: int
    anonymous: int


def timed(action: Callable[[], None]) -> Timing:
    """Time `action` on a disk with nothing left to write."""
    os.sync()
    before = _children_cpu()
    start = time.perf_counter()
    action()
    returned = time.perf_counter() - start
    os.sync()
    return Timing(returned, time.perf_counter() - start, _children_cpu() - before)


def _children_cpu() -> float:
    """The seconds of a core in all processes that were started here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> str:
    """Run a command to its end and give its stdout; CommandFailed when it fails."""
    done = subprocess.run(argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise _failure(argv, done.returncode, done.stderr)
    return done.stdout


def run_watched(argv: Sequence[str | Path], *, cwd: Path, env: Mapping[str, str]) -> Peak:
    """Run a command and watch its memory. Not for timing: watching takes some of a core."""
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            argv, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
        with sampling(process.pid) as most:
            _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            raise _failure(argv, process.returncode, errors.read())
    return Peak(usage.ru_maxrss << 10, most())


def cost(argv: Sequence[str | Path], *, cwd: Path, servers: Sequence[int] = ()) -> Cost:
    """Run a command to its end, its output thrown away; CommandFailed when it fails.

    The memory of `servers`, processes that serve it, and of what they start counts, too. What the command
    leaves in the background counts as part of it, if it ends soon.
    """
    with tempfile.TemporaryFile("w+") as errors, _adopting() as find_adopted:
        start = time.perf_counter()
        process = subprocess.Popen(
            argv, cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors
        )
        with sampling(process.pid, *servers, find_others=find_adopted) as most:
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - start
        cpu = usage.ru_utime + usage.ru_stime + sum(map(_wait_for, find_adopted()))
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            raise _failure(argv, process.returncode, errors.read())
    return Cost(seconds, cpu, usage.ru_maxrss << 10, most())


@contextmanager
def _adopting() -> Iterator[Callable[[], set[int]]]:
    """Become the parent of processes in the block whose own one ends, prctl(2). The function finds them."""
    known = set(list_children(os.getpid()))
    guardian._prctl(guardian.SUBREAPER, 1)
    try:
        yield lambda: set(list_children(os.getpid())) - known
    finally:
        guardian._prctl(guardian.SUBREAPER, 0)


def _wait_for(pid: int) -> float:
    """Wait for a process to end, a second at most, and return its seconds of a core."""
    for _ in range(100):
        ended, _, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return usage.ru_utime + usage.ru_stime
        time.sleep(0.01)
    return 0.0


def median(costs: Sequence[Cost]) -> Cost:
    """The median of each number."""
    seconds, cpu, resident, anonymous = (
        statistics.median(column)
        for column in zip(*((c.seconds, c.cpu, c.resident, c.anonymous) for c in costs), strict=True)
    )
    return Cost(seconds, cpu, int(resident), int(anonymous))


def apart(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call `function` in a fresh process, whose memory goes away with it."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *args, **kwargs).result()


def disk_use(*directories: Path) -> int:
    """What `du -sb` says: apparent sizes of files and directories, a hard-linked file once."""
    seen: dict[tuple[int, int], int] = {}
    for top in directories:
        for path in (top, *top.rglob("*")):
            info = path.lstat()
            seen[info.st_dev, info.st_ino] = info.st_size
    return sum(seen.values())


def file_bytes(directory: Path) -> int:
    """The contents of all regular files below `directory`; directories count nothing."""
    return sum(path.lstat().st_size for path in directory.rglob("*") if path.is_file())


def _failure(argv: Sequence[str | Path], code: int, stderr: str) -> CommandFailed:
    lines = stderr.strip().splitlines() or ["(no message)"]
    return CommandFailed(f"{Path(argv[0]).name} exited with {code}: {lines[-1]}")
