"""Naming processes of this machine, so that others can tell later whether one still runs."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path
from typing import NamedTuple


class ProcessId(NamedTuple):
    """A process of this machine, so that nobody takes a later one with the same number for it.

    `started` is in clock ticks since the boot, proc(5); `boot` names the boot and the namespace of the
    numbers of processes. Where there is no `/proc`, both are empty.
    """

    pid: int
    started: int
    boot: str


def identify(pid: int) -> ProcessId:
    """Return the identity of a running process. One that has ended has an identity that never lives."""
    return ProcessId(pid, _started(pid) or 0, _boot())


def is_alive(process: ProcessId) -> bool:
    """Whether a process still runs. One that waits for its parent to take note of its end does not.

    Processes of another namespace (a container that shares the directory) cannot be seen, and count as alive
    until the next boot.
    """
    if not sys.platform.startswith("linux"):
        return _answers(process.pid)
    boot, _, namespace = process.boot.partition(" ")
    here, _, our_namespace = _boot().partition(" ")
    if boot != here:
        return False
    if namespace != our_namespace:
        return True
    return process.started != 0 and _started(process.pid) == process.started


def _started(pid: int) -> int | None:
    try:
        line = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    fields = line[line.rindex(b")") + 2 :].split()  # the name before it may contain anything
    return None if fields[0] in b"ZX" else int(fields[19])


@cache
def _boot() -> str:
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def find_working_in(directory: Path, program: str) -> bool | None:
    """Whether a process has a directory, or one below it, as its current directory, proc(5).

    This process does not count. `None` if that cannot be known: there is no /proc, or it hides the directory
    of a process that is called `program`.
    """
    if not sys.platform.startswith("linux"):
        return None
    place, is_known = directory.resolve(), True
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                current = (entry / "cwd").readlink()
            except FileNotFoundError:
                continue  # it has ended
            except OSError:
                is_known = is_known and not _is_called(entry, program)
                continue
            if current == place or place in current.parents:
                return True
    return False if is_known else None


def _is_called(entry: Path, program: str) -> bool:
    try:
        return (entry / "comm").read_text().strip() == program
    except OSError:
        return False
