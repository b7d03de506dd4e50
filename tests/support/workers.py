"""Workers that start at once: forks of a server that has loaded Python, numpy and the worker's modules.

A worker takes a quarter of a second of computing to start, nearly all of it for numpy. All else is as
in the product: a guardian, which is a child of this process, with its namespaces and processes, the
worker's socket, its directory and its environment. `--real-starts` starts all as the product does.
"""

from __future__ import annotations

import atexit
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from gitstore.run import process
from gitstore.run.worker import guardian
from gitstore.run.workplace import Workplace

HERE = Workplace(Path(sys.executable))
"""The interpreter and the packages of the tests themselves."""

real_launch = process.launch

_SERVER = Path(__file__).with_name("worker_server.py")
_REQUEST = 1 << 20  # bytes of one request at the most
_one_at_a_time = threading.Lock()


class Guardian:
    """What `process.Process` knows of a `subprocess.Popen`."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def wait(self) -> int:
        """Wait for its end; the exit code, or the negated number of the signal that ended it."""
        if self.returncode is None:
            self.returncode = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        return self.returncode


def launch(
    command: list[str], directory: Path, descriptors: Sequence[int], *, output: int
) -> Guardian | subprocess.Popen[bytes]:
    """What `process.launch` does, by a fork; a sandbox is a real one."""
    if "--sandbox" in command:
        return real_launch(command, directory, descriptors, output=output)
    request = {
        "arguments": command[command.index(str(process.GUARDIAN)) + 1 :],
        "directory": str(directory),
        "environment": dict(os.environ),
    }
    with _one_at_a_time:
        server = serving()
        guardian._prctl(guardian.SUBREAPER, 1)  # the server makes it an orphan, and so ours
        try:
            socket.send_fds(server, [json.dumps(request).encode()], [output, output, *descriptors])
            return Guardian(int(server.recv(32)))
        finally:
            guardian._prctl(guardian.SUBREAPER, 0)


def serving() -> socket.socket:
    """The way to this process's server, which is started if there is none yet."""
    return _server(os.getpid())


@cache
def _server(_owner: int) -> socket.socket:
    """The server ends when nobody holds our end any more."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _REQUEST)
    command = [sys.executable, "-B", str(_SERVER), str(process.WORKER), str(theirs.fileno())]
    with theirs:
        server = subprocess.Popen(
            command,
            pass_fds=[theirs.fileno()],
            cwd="/",
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
    atexit.register(server.wait)
    atexit.register(ours.close)
    return ours
