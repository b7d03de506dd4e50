"""Opening a file so that nobody can write to it through the descriptor, whatever the file's permissions are.

A process that is given the descriptor of a file can open the file again, through /proc/self/fd, with all
rights that its user has on it; or change its mode. A descriptor that was opened through a read-only mount
does not allow that: the mount belongs to the descriptor. So another process, in a mount namespace of its own,
mount_namespaces(7), mounts the file over itself, read-only, opens it there, and hands the descriptor over.

This module is also that process's program: `python -I -S read_only.py`, with a socket as standard input, from
which it gets the path. So it imports only the standard library.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

NEW_MOUNTS, NEW_USER = 0x20000, 0x10000000
READ_ONLY, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 32, 1 << 12, 1 << 14, 1 << 18
KEPT = 2 | 4 | 8 | 1024 | 2048  # no set-uid, no devices, no programs, no access times
RELATIVE_TIME, ST_RELATIME = 1 << 21, 1 << 12

TIMEOUT = 10.0
"""The most seconds that the other process may take."""


def open_protected(path: Path, descriptor: int) -> int | None:
    """Return a new descriptor of the open file `descriptor`, which is not inherited. Its path is `path`.

    Nobody can write to the file through it. Returns `None` if the system allows no mount namespaces. Raises
    ValueError if there is another file at the path.
    """
    protected = _request(os.path.realpath(path))
    if protected is None:
        return None
    before, after = os.fstat(descriptor), os.fstat(protected)
    if (before.st_dev, before.st_ino) != (after.st_dev, after.st_ino):
        os.close(protected)
        raise ValueError("it was replaced while it was opened")
    return protected


def _request(path: str) -> int | None:
    """Return the descriptor that the other process opens; `None` if it cannot."""
    if sys.platform != "linux":
        return None
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-I", "-S", "-B", __file__]
    with ours:
        with theirs:
            process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        try:
            ours.settimeout(TIMEOUT)
            ours.sendall(os.fsencode(path))
            _, descriptors, _, _ = socket.recv_fds(ours, 1, 1)
        except OSError:
            return None
        finally:
            process.kill()
            process.wait()
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)
    return descriptors[0] if descriptors else None


def main() -> None:
    """Open a file through a read-only mount, and send its descriptor. Raises OSError if it cannot."""
    connection = socket.socket(fileno=0)
    path = os.fsdecode(connection.recv(1 << 16))
    libc: Any = ctypes.CDLL(None, use_errno=True)

    def check(result: int) -> None:
        if result != 0:
            raise OSError(ctypes.get_errno(), "not allowed")

    def mount(source: str, target: str, flags: int) -> None:
        check(libc.mount(os.fsencode(source), os.fsencode(target), b"", ctypes.c_ulong(flags), None))

    user, group = os.geteuid(), os.getegid()
    if user != 0 or libc.unshare(NEW_MOUNTS) != 0:
        check(libc.unshare(NEW_USER | NEW_MOUNTS))
        for name, content in (
            ("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")
        ):  # fmt: skip
            with open(f"/proc/self/{name}", "w") as file:  # noqa: PTH123
                file.write(content)
    mount("none", "/", RECURSIVE | PRIVATE)
    mount(path, path, BIND)
    status = os.statvfs(path).f_flag
    kept = status & KEPT | (RELATIVE_TIME if status & ST_RELATIME else 0)
    mount("none", path, REMOUNT | BIND | READ_ONLY | kept)
    socket.send_fds(connection, [b"\0"], [os.open(path, os.O_RDONLY)])


if __name__ == "__main__":
    main()
