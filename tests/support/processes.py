"""gitstore in processes of its own: several at once, and killed."""

from __future__ import annotations

import os
import signal
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.support.commands import GITSTORE, Outcome
from tests.support.spawning import Process, start

__all__ = ["GITSTORE", "alive", "kill", "outcome", "run_forked", "start"]


def outcome(process: Process) -> Outcome:
    """How it ends, within a minute."""
    stdout, stderr = process.communicate(timeout=60)
    return Outcome(process.wait(), stdout, stderr)


def run_forked(work: Callable[[], object]) -> int:
    """How a fork of this process ends that does some work: 0, minus the signal that kills it, or 1."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die(*_: object, **__: object) -> None:
    """Stands in for a function: the process is killed when it is called."""
    os.kill(os.getpid(), signal.SIGKILL)


def alive(group: int) -> bool:
    """Whether a process of the group lives: a git that was started may outlive who started it."""
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            return True
    return False


def kill(process: Process, *, group: bool) -> None:
    """SIGKILL, and wait until nothing of it is left that could still write."""
    if group:
        with suppress(ProcessLookupError):  # it has ended
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()
    deadline = time.monotonic() + 30
    while alive(process.pid):
        assert time.monotonic() < deadline
        time.sleep(0.005)
