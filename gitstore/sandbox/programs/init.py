"""Process 1 of a sandbox: it starts the worker, reaps orphans, and reports how the worker ended.

`python -I -S -B init.py RESULT OUTPUT SOCKET LARGEST_FILE PROCESSES COMMAND…` runs COMMAND with SOCKET as its
last argument, and with OUTPUT as standard output and standard error. Its end is the end of the sandbox.

It sends to RESULT, a socket of the guardian, first "ready" with descriptors of /proc, /tmp and /dev/shm, and
at last "STATUS FULL PEAK": the wait status of the worker, whether the scratch disk is full, and the most
memory that one process used, in bytes.
"""

from __future__ import annotations

import _socket
import os
import resource
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

WATCHED = ("/proc", "/tmp", "/dev/shm")  # noqa: S108 - the sandbox's own
SCRATCH = WATCHED[1:]


def main(arguments: list[str]) -> NoReturn:
    """Run a worker to its end, and report it."""
    result, output, socket, largest_file, processes = map(int, arguments[:5])
    command = [*arguments[5:], arguments[2]]
    os.set_inheritable(result, False)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit(resource.RLIMIT_FSIZE, largest_file)
    # Counted for this user in this user namespace, so other processes of the user do not matter.
    _limit(resource.RLIMIT_NPROC, processes)
    guardian = _socket.socket(fileno=result)
    _announce(guardian)
    worker = os.fork()
    if worker == 0:
        _run_worker(command, output)
    os.close(output)
    os.close(socket)
    ended, status = os.wait()
    while ended != worker:
        ended, status = os.wait()
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
    guardian.send(b"%d %d %d" % (status, any(map(_is_full, SCRATCH)), peak))
    os._exit(0)


def _limit(kind: int, value: int) -> None:
    """Lower a limit. One that is lower already stays."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _announce(guardian: _socket.socket) -> None:
    descriptors = [os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC) for path in WATCHED]
    ancillary = b"".join(descriptor.to_bytes(4, sys.byteorder) for descriptor in descriptors)
    guardian.sendmsg([b"ready"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, ancillary)])
    for descriptor in descriptors:
        os.close(descriptor)


def _run_worker(command: list[str], output: int) -> NoReturn:
    try:
        os.setsid()
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.set_inheritable(output, False)
        os.execv(command[0], command)  # noqa: S606 - a shell would be one process more
    finally:
        os._exit(127)  # this fork must never return


def _is_full(path: str) -> bool:
    disk = os.statvfs(path)
    return disk.f_bavail <= 1 or disk.f_favail == 0


if __name__ == "__main__":
    main(sys.argv[1:])
