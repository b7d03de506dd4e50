"""A control group for one sandbox: its memory limit, kept by the kernel. cgroups(7), version 1 or 2.

The group is below our own one in version 1. In version 2, a group with processes can have no limited groups
below it, so there it is beside our own one, and only if that one has no limit of its own to escape from.
Without the permission, or without the controller, there is no group, and the watchdog is alone.
"""

from __future__ import annotations

import os

ROOT = "/sys/fs/cgroup"
PREFIX = "gitstore-"
"""What names of groups begin with. The id of the guardian's process follows."""


class Cgroup:
    """A group that exists. Processes enter it by themselves."""

    def __init__(self, directory: str, *, version: int) -> None:
        self._directory = directory
        self._version = version

    def enter(self) -> None:
        """Move this process into the group. Its children start there."""
        self._write("cgroup.procs", str(os.getpid()))

    def count_kills(self) -> int:
        """Return how many processes the kernel has killed because the limit was reached."""
        try:
            return self._read_count("memory.events" if self._version == 2 else "memory.oom_control")
        except (OSError, ValueError):
            return 0

    def _read_count(self, name: str) -> int:
        with open(f"{self._directory}/{name}") as file:
            counts = dict(line.split() for line in file if line.count(" ") == 1)
        return int(counts.get("oom_kill", 0))

    def remove(self) -> None:
        """Remove the group, which has no processes any more."""
        try:
            os.rmdir(self._directory)
        except OSError:
            pass

    def limit(self, memory: int) -> bool:
        """Set the limit in bytes; return whether that worked."""
        try:
            if self._version == 2:
                self._write("memory.max", str(memory))
                self._write("memory.oom.group", "1")
            else:
                self._write("memory.limit_in_bytes", str(memory))
        except OSError:
            return False
        try:  # swapped memory counts, too, where there is swap
            name = "memory.swap.max" if self._version == 2 else "memory.memsw.limit_in_bytes"
            self._write(name, "0" if self._version == 2 else str(memory))
        except OSError:
            pass
        return True

    def _write(self, name: str, text: str) -> None:
        # Without O_CREAT: only the kernel makes such files.
        descriptor = os.open(f"{self._directory}/{name}", os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def create(memory: int, root: str = ROOT) -> Cgroup | None:
    """Create a group that is limited to `memory` bytes; `None` if that is not possible here."""
    for parent, version in _find_parents(root):
        _remove_leftovers(parent)
        directory = f"{parent}/{PREFIX}{os.getpid()}"
        try:
            os.mkdir(directory)
        except OSError:
            continue
        cgroup = Cgroup(directory, version=version)
        if cgroup.limit(memory):
            return cgroup
        cgroup.remove()
    return None


def _remove_leftovers(parent: str) -> None:
    """Remove groups of guardians that were killed. The kernel keeps those that have processes."""
    try:
        for name in os.listdir(parent):
            process = name[len(PREFIX) :]
            if name.startswith(PREFIX) and process.isdecimal() and not os.path.exists(f"/proc/{process}"):
                os.rmdir(f"{parent}/{name}")
    except OSError:
        pass


def _find_parents(root: str) -> list[tuple[str, int]]:
    """Return the directories where a group may be created, with the version of their hierarchy."""
    parents = []
    try:
        with open("/proc/self/cgroup") as file:
            lines = [line.rstrip("\n").split(":", 2) for line in file]
    except OSError:
        return []
    for number, controllers, path in lines:
        if "memory" in controllers.split(","):
            parents.append((f"{root}/memory{path}", 1))
        elif number == "0" and path != "/" and not _has_limit(root + path):
            parents.append((os.path.dirname(root + path), 2))
    return parents


def _has_limit(directory: str) -> bool:
    """Whether a group has a limit, or cannot have one."""
    try:
        with open(f"{directory}/memory.max") as file:
            return file.read().strip() != "max"
    except OSError:
        return True
