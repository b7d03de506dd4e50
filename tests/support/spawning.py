"""gitstore in processes of its own that start at once: forks of a server that has loaded it already.

To load Python, pygit2 and gitstore takes longer than most commands. Each test process starts one server,
which imports gitstore and then does nothing but fork. Everything else is as with the installed program: a
process with an environment, a current directory and standard streams of its own, and an exit code.
`stand_ins` are programs that do the same, for shells, git and its hooks, which start programs by their path.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import marshal
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from tests.support import lasting
from tests.support.commands import Outcome

_ROOT = Path(__file__).parents[2]
_SERVE = "from tests.support.spawning import serve; serve()"
_STAND_IN = Path(__file__).with_name("stand_in.py")
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


def start(
    *arguments: str,
    cwd: Path,
    stdin: str = "",
    variables: Mapping[str, str] | None = None,
    terminal: int | None = None,
) -> Process:
    """Start gitstore. Its environment is this process's, and `variables`.

    Its streams are at `terminal`, a descriptor, if that is given; then `communicate` gives nothing.
    """
    request = {
        "arguments": ["gitstore", *arguments],
        "environment": {
            **os.environb,
            **{os.fsencode(k): os.fsencode(v) for k, v in (variables or {}).items()},
        },
        "streams": [0, 1, 2],
    }
    directory = os.open(cwd, os.O_RDONLY | os.O_DIRECTORY)
    reading, writing = os.pipe()
    with (
        tempfile.TemporaryFile("w+") as given,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as error,
    ):
        given.write(stdin)
        given.seek(0)
        own = [given.fileno(), output.fileno(), error.fileno()]
        streams = own if terminal is None else [terminal] * 3
        way = _server(os.getpid()).way
        socket.send_fds(way, [marshal.dumps(request)], [writing, directory, *streams])
        os.close(writing)
        os.close(directory)
        return Process(reading, os.dup(output.fileno()), os.dup(error.fileno()))


def gitstore(*arguments: str, cwd: Path, stdin: str = "") -> Outcome:
    """Run gitstore to its end."""
    process = start(*arguments, cwd=cwd, stdin=stdin)
    stdout, stderr = process.communicate(timeout=300)
    return Outcome(process.wait(), stdout, stderr)


def stand_ins() -> Path:
    """A directory with the programs gitstore, git-gitstore and python, which last as long as this process.

    python is this one, but where it is to run gitstore or a script, it is a fork of the server, too. In a
    process group, a session and at a terminal is who was started; a signal to that reaches the fork.
    """
    return _server(os.getpid()).programs


def find_python() -> str:
    """What `hooks.find_python` is in tests that do not want the hooks of a store to start Python itself."""
    return str(stand_ins() / "python")


class _Server(NamedTuple):
    """The way to a server, which ends when nobody holds the other end any more."""

    way: socket.socket
    programs: Path


@cache
def _server(_owner: int) -> _Server:
    """The server of this process."""
    directory = lasting.make_directory("programs")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _REQUEST)
    with theirs, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(directory / "server"))
        listening.listen(16)
        process = subprocess.Popen(
            [sys.executable, "-c", _SERVE, str(listening.fileno())],
            cwd=_ROOT, stdin=theirs.fileno(), stdout=subprocess.DEVNULL, pass_fds=[listening.fileno()],
        )  # fmt: skip
    for name in ("gitstore", "git-gitstore", "python"):
        program = directory / name
        program.write_text(f"#!{sys.executable} -IS\n{_STAND_IN.read_text()}")
        program.chmod(0o755)
    atexit.register(process.wait)
    atexit.register(ours.close)
    return _Server(ours, directory)


def serve() -> None:
    """The server: fork for each request, until the other end is closed."""
    from gitstore.cli.commands import COMMANDS

    commands = (f"cli.commands.{module}" for module in COMMANDS.values())
    for module in (
        "cli.main",
        "hooks.guard",
        "models.reference",
        "snapshots.take",
        "storage.usage",
        "snapshots.verify",
        "derive.worktree",
        "snapshots.restore",
        "storage.gc",
        "run.evaluation",
        "run.training",
        "run.creation",
        "run.values.reading",
        "store.receive.pre_receive",
        "store.receive.post_receive",
        *commands,
    ):
        __import__(f"gitstore.{module}")
    gc.collect()
    gc.freeze()  # so that what is loaded stays shared with all forks
    requests = socket.socket(fileno=0)
    listening = socket.socket(fileno=int(sys.argv[1]))
    listening.set_inheritable(False)
    running: dict[int, _Running] = {}
    while True:
        watched: list[socket.socket | int] = [requests, listening, *running]
        ready, _, _ = select.select(watched, [], [])
        for pidfd in running.keys() & set(ready):
            running.pop(pidfd).end(pidfd)
        if requests in ready:
            data, descriptors, _, _ = socket.recv_fds(requests, _REQUEST, 5)
            if not data:
                return
        elif listening in ready:
            connection, _ = listening.accept()
            data, descriptors, _, _ = socket.recv_fds(connection, _REQUEST, 4)
            descriptors.insert(0, connection.detach())
        else:
            continue
        others = [listening.fileno(), *running, *(fork.status for fork in running.values())]
        started = _fork(marshal.loads(data), others, *descriptors)
        running[os.pidfd_open(started.pid)] = started


class _Running(NamedTuple):
    """A fork of the server, and the way to who asked for it."""

    pid: int
    status: int

    def end(self, pidfd: int) -> None:
        """Tell the exit code of a fork that has ended."""
        _, ended = os.waitpid(self.pid, 0)
        with contextlib.suppress(OSError):  # nobody wants to know any more
            os.write(self.status, f"{os.waitstatus_to_exitcode(ended)}\n".encode())
        os.close(self.status)
        os.close(pidfd)


def _fork(
    request: dict[str, Any], others: Sequence[int], status: int, directory: int, *streams: int
) -> _Running:
    """Fork, and tell the other end the process id, before anything of the program runs."""
    ready, go = os.pipe()
    child = os.fork()
    if child == 0:
        for descriptor in (go, status, *others):
            os.close(descriptor)
        os.read(ready, 1)
        os.close(ready)
        os.fchdir(directory)
        os.close(directory)
        _become(request, dict(zip(request["streams"], streams, strict=True)))
    for descriptor in (ready, directory, *streams):
        os.close(descriptor)  # who reads them waits for the program, and not for us
    with contextlib.suppress(OSError):  # nobody wants to know any more
        os.write(status, f"{child}\n".encode())
    os.close(go)
    return _Running(child, status)


def _become(request: dict[str, Any], streams: dict[int, int]) -> NoReturn:
    """Be the program gitstore, or a Python that runs `code`, called with the request's arguments."""
    os.setsid()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if number in streams:
            os.dup2(streams[number], number)
            os.close(streams[number])
        else:
            os.close(number)
            setattr(sys, name, None)
            setattr(sys, f"__{name}__", None)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environb.clear()
    os.environb.update(request["environment"])
    time.tzset()
    sys.argv = list(request["arguments"])
    _tell_libgit2()
    code: object = 0
    try:
        _run(request)
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
        code = 1
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError, AttributeError):
                stream.flush()
    os._exit(code if isinstance(code, int) else 0)


def _run(request: dict[str, Any]) -> None:
    if "code" in request:
        exec(request["code"], {"__name__": "__main__"})
        return
    if "script" in request:
        sys.path[0] = os.path.dirname(sys.argv[0])
        runpy.run_path(sys.argv[0], run_name="__main__")
        return
    from gitstore.cli.main import main

    main()


def _tell_libgit2() -> None:
    """libgit2 looked for git's configuration when it was loaded."""
    import pygit2

    level = pygit2.enums.ConfigLevel
    for each in (level.SYSTEM, level.XDG, level.GLOBAL):
        pygit2.settings.search_path[each] = os.environ.get("HOME", "")
