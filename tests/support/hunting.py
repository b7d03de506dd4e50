"""Finding a process among those that a command started, by its command line, and killing it there."""

from __future__ import annotations

import os
import signal
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Found(NamedTuple):
    """A process below another one."""

    pid: int
    words: tuple[str, ...]


def descendants(pid: int) -> Iterator[Found]:
    """The processes that a process started, and those that they started. They come and go meanwhile."""
    children: dict[int, list[int]] = defaultdict(list)
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            children[int(path.read_text().rpartition(")")[2].split()[1])].append(int(path.parent.name))
    waiting = children[pid][:]
    while waiting:
        child = waiting.pop()
        waiting += children[child]
        with suppress(OSError):
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace").split("\0")
            yield Found(child, tuple(word for word in words if word))


def wait_for(pid: int, word: str, *, seconds: float = 30) -> Found | None:
    """The first descendant with a word in its command line; None if the process ends before there is one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for process in descendants(pid):
            if word in "\0".join(process.words):
                return process
        if _is_over(pid):
            return None
        time.sleep(0.0005)
    return None


def kill(pid: int) -> None:
    """SIGKILL, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def kill_below(pid: int) -> None:
    """SIGKILL for a process and all that it started: it is stopped first, so that it starts nothing more."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        for process in list(descendants(pid)):
            kill(process.pid)
        os.kill(pid, signal.SIGKILL)


def _is_over(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return status in "ZX"
