"""gitstore in processes of its own: several at once, and killed."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path

from tests.support.commands import GITSTORE, Outcome
from tests.support.spawning import Process, start

__all__ = ["GITSTORE", "alive", "kill", "outcome", "start"]


def outcome(process: Process) -> Outcome:
    """How it ends, within a minute."""
    stdout, stderr = process.communicate(timeout=60)
    return Outcome(process.wait(), stdout, stderr)


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
