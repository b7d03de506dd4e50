"""Finding a process among those that a command started, by its command line, and killing it there."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Found(NamedTuple):
    """A process below another one."""

    pid: int
    words: tuple[str, ...]

    def has_variable(self, variable: bytes) -> bool:
        """Whether the process was started with a variable, `NAME=VALUE`."""
        with suppress(OSError):
            return variable in Path(f"/proc/{self.pid}/environ").read_bytes().split(b"\0")
        return False


def descendants(pid: int) -> Iterator[Found]:
    """The processes that a process started, and those that they started. They come and go meanwhile."""
    waiting = _children(pid)
    while waiting:
        child = waiting.pop()
        waiting += _children(child)
        with suppress(OSError):
            words = Path(f"/proc/{child}/cmdline").read_bytes().decode(errors="replace").split("\0")
            yield Found(child, tuple(word for word in words if word))


def _children(pid: int) -> list[int]:
    children: list[int] = []
    with suppress(OSError):
        for thread in os.listdir(f"/proc/{pid}/task"):
            with suppress(OSError):
                text = Path(f"/proc/{pid}/task/{thread}/children").read_text()
                children += [int(word) for word in text.split()]
    return children


def wait_for(
    parent: int, is_wanted: Callable[[Found], bool], *, until: int, seconds: float = 30
) -> Found | None:
    """The first descendant that is wanted; None if the process `until` ends before there is one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for process in descendants(parent):
            if is_wanted(process):
                return process
        if _is_over(until):
            return None
        time.sleep(0.0005)
    return None


def wait_until_left(directory: Path, *, but: int | None = None, seconds: float = 60) -> None:
    """Wait until no other process than `but` works in a directory, or was told of it."""
    deadline = time.monotonic() + seconds
    while any(pid not in (but, os.getpid()) for pid in _list_near(directory)):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def _list_near(directory: Path) -> Iterator[int]:
    """Processes whose current directory, command line or environment is about a directory."""
    place = os.fsencode(directory)
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if os.readlink(f"/proc/{name}/cwd").startswith(str(directory)) or any(
                place in Path(f"/proc/{name}/{file}").read_bytes() for file in ("cmdline", "environ")
            ):
                yield int(name)


def kill(pid: int) -> None:
    """SIGKILL, if it is still there."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _is_over(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return status in "ZX"
