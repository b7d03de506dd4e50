"""gitstore in processes of its own that start at once: forks of a server that has loaded it already.

To load Python, pygit2 and gitstore takes longer than most commands. Each test process starts one server,
which imports gitstore and then does nothing but fork. Everything else is as with the installed program: a
process with an environment, a current directory and standard streams of its own, and an exit code.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NoReturn

from tests.support.commands import Outcome

_ROOT = Path(__file__).parents[2]
_SERVE = "from tests.support.spawning import serve; serve()"
_REQUEST = 1 << 20  # bytes of one request at the most
_LOST = 255


class Process:
    """A gitstore that runs, in a process group of its own. Its standard output and error go into files."""

    def __init__(self, status: int, output: int, error: int) -> None:
        # Descriptors, for Python warns of an open file that it meets in a cycle, as a traceback is one.
        self._status: int | None = status
        self._streams = (output, error)
        self._texts = ("", "")
        self.pid = int(self._line(status))
        self.returncode: int | None = None

    def send_signal(self, number: int) -> None:
        """Send a signal to the process alone."""
        with contextlib.suppress(ProcessLookupError):  # it has ended
            os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def poll(self) -> int | None:
        """The exit code, or the negative number of the signal that ended it; `None` while it runs."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = 60) -> int:
        """Wait for its end. Raises `subprocess.TimeoutExpired`."""
        if self._status is not None:
            if not select.select([self._status], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("gitstore", timeout or 0)
            self.returncode = int(self._line(self._status) or _LOST)
            self._texts = (_all_of(self._streams[0]), _all_of(self._streams[1]))
            self._close()
        return _LOST if self.returncode is None else self.returncode

    def communicate(self, timeout: float | None = 60) -> tuple[str, str]:
        """Wait for its end; returns all that it printed until then."""
        self.wait(timeout)
        return self._texts

    def __del__(self) -> None:
        self._close()

    def _close(self) -> None:
        if self._status is not None:
            for descriptor in (self._status, *self._streams):
                os.close(descriptor)
            self._status = None

    def _line(self, status: int) -> str:
        found = b""
        while not found.endswith(b"\n"):
            byte = os.read(status, 1)
            if not byte:
                break
            found += byte
        return found.decode()


def _all_of(descriptor: int) -> str:
    """The text of a file, read without moving on whoever writes to it still."""
    content = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    return content.decode(errors="surrogateescape").replace("\r\n", "\n").replace("\r", "\n")


def start(*arguments: str, cwd: Path, stdin: str = "", variables: Mapping[str, str] | None = None) -> Process:
    """Start gitstore. Its environment is this process's, and `variables`."""
    request = {"arguments": arguments, "cwd": str(cwd), "environment": {**os.environ, **(variables or {})}}
    reading, writing = os.pipe()
    with (
        tempfile.TemporaryFile("w+") as given,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as error,
    ):
        given.write(stdin)
        given.seek(0)
        streams = [given.fileno(), output.fileno(), error.fileno(), writing]
        socket.send_fds(_server(os.getpid()), [json.dumps(request).encode()], streams)
        os.close(writing)
        return Process(reading, os.dup(output.fileno()), os.dup(error.fileno()))


def gitstore(*arguments: str, cwd: Path, stdin: str = "") -> Outcome:
    """Run gitstore to its end."""
    process = start(*arguments, cwd=cwd, stdin=stdin)
    stdout, stderr = process.communicate(timeout=300)
    return Outcome(process.wait(), stdout, stderr)


@cache
def _server(_owner: int) -> socket.socket:
    """The way to the server of this process, which ends when nobody holds the other end any more."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _REQUEST)
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE], cwd=_ROOT, stdin=theirs.fileno(), stdout=subprocess.DEVNULL
        )
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def serve() -> None:
    """The server: fork for each request, until the other end is closed."""
    import gitstore.cli.commands
    import gitstore.cli.main  # noqa: F401

    for module in ("capture", "snapshot", "usage", "verify", "derive", "restore", "gc", "run.operations"):
        __import__(f"gitstore.{module}")
    requests = socket.socket(fileno=0)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
    while True:
        data, descriptors, _, _ = socket.recv_fds(requests, _REQUEST, 4)
        if not data:
            return
        if os.fork() == 0:
            _keep(json.loads(data), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)


def _keep(request: dict[str, object], stdin: int, stdout: int, stderr: int, status: int) -> NoReturn:
    """Fork once more, tell the other end the process id and then the exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(go)
        os.close(status)
        os.read(ready, 1)
        os.close(ready)
        _become(request, stdin, stdout, stderr)
    os.write(status, f"{child}\n".encode())
    os.close(go)
    _, ended = os.waitpid(child, 0)
    os.write(status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
    os._exit(0)


def _become(request: dict[str, object], *streams: int) -> NoReturn:
    """Be the program gitstore, called with the request's arguments."""
    arguments, cwd, environment = request["arguments"], request["cwd"], request["environment"]
    if not isinstance(arguments, list) or not isinstance(environment, dict):
        os._exit(_LOST)
    os.setsid()
    for number, descriptor in enumerate(streams):
        os.dup2(descriptor, number)
        os.close(descriptor)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(str(cwd))
    sys.argv = ["gitstore", *arguments]
    _tell_libgit2()
    from gitstore.cli.main import main

    code: object = _LOST
    try:
        main()
    except SystemExit as end:
        code = end.code
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):
                stream.flush()
    os._exit(code if isinstance(code, int) else 0)


def _tell_libgit2() -> None:
    """libgit2 looked for git's configuration when it was loaded."""
    import pygit2

    level = pygit2.enums.ConfigLevel
    for each in (level.SYSTEM, level.XDG, level.GLOBAL):
        pygit2.settings.search_path[each] = os.environ["HOME"]
