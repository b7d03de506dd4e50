"""The worker's process: starting it, noticing its end, and killing everything that it started.

A sandbox or a remote launcher would replace this module. The frames on the socket are the same for all of
them.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gitstore.run.workplace import Files, Workplace

WORKER = Path(__file__).parent / "worker"
GUARDIAN = WORKER / "guardian.py"

PATIENCE = 10.0
"""The most seconds that a working guardian needs to kill all processes."""


class Process:
    """A running worker at the other end of `socket`, and its guardian, which is the process that we start.

    The guardian ends after the worker and all processes that it started, or kills them when the pipe
    `control` is closed. Only `stop` reaps it, so until then no other process can get its id.

    `paths` are the directories of the operation by name, as the worker sees them.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        connection: socket.socket,
        *,
        control: int,
        paths: Mapping[str, str],
    ) -> None:
        self._process = process
        self._control: int | None = control
        self.socket = connection
        self.paths = paths

    def has_ended(self) -> bool:
        """Whether the worker and all processes that it started have ended."""
        if self._process.returncode is not None:
            return True
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            # Our parent process ignores SIGCHLD, so the kernel has reaped the guardian.
            return True

    def wait(self, seconds: float) -> bool:
        """Wait for the worker to end by itself; return whether it did."""
        if self.has_ended():
            return True
        try:
            descriptor = os.pidfd_open(self._process.pid)
        except (AttributeError, OSError):  # not on Linux, or on an old version
            return self._poll_end(seconds)
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        try:
            poll.poll(seconds * 1000)
        finally:
            os.close(descriptor)
        return self.has_ended()

    def _poll_end(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        pause = 0.001
        while not self.has_ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        return True

    def stop(self) -> int:
        """Kill the worker with all its processes, and close the socket. Idempotent.

        Returns the exit code, or the negative number of the signal that ended it, like subprocess.
        """
        self.socket.close()
        if self._control is not None:
            os.close(self._control)
            self._control = None
        if not self.wait(PATIENCE):  # the model has stopped its guardian
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()


@contextlib.contextmanager
def start_worker(workplace: Workplace, files: Files) -> Iterator[Process]:
    """Start a worker for an operation on `files`. The end of the block kills it with all its processes.

    It runs in a new empty directory, so that it does not depend on the user's current directory. Its standard
    input is empty, and what it prints goes to this process's standard error. If the system allows it, the
    worker sees only its own processes.
    """
    with tempfile.TemporaryDirectory(prefix="gitstore-", ignore_cleanup_errors=True) as scratch:
        process = _start(Path(scratch), workplace, files)
        try:
            yield process
        finally:
            process.stop()


def _start(directory: Path, workplace: Workplace, files: Files) -> Process:
    ours, theirs = socket.socketpair()
    control, our_control = os.pipe()
    # -B: the code of a snapshot is read-only, and that of a working copy belongs to the user.
    # -I: neither variables of the user nor packages in the home directory reach the model's environment.
    worker = [str(workplace.python), "-I", "-B", str(WORKER)]
    read_only = workplace.read_only or directory / "none"
    guardian = [sys.executable, "-I", "-S", "-B", str(GUARDIAN), str(control), str(theirs.fileno())]
    with theirs:
        try:
            process = launch([*guardian, str(read_only), *worker], directory, [control, theirs.fileno()])
        except BaseException:
            os.close(our_control)
            ours.close()
            raise
        finally:
            os.close(control)
    # Absolute, since the worker runs in another directory.
    named = {"code": files.code, "state": files.state, "out": files.out}
    paths = {name: str(path.absolute()) for name, path in named.items() if path is not None}
    return Process(process, ours, control=our_control, paths=paths)


def launch(command: list[str], directory: Path, descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a guardian, in a session of its own, that inherits `descriptors`."""
    return subprocess.Popen(
        command, cwd=directory, pass_fds=descriptors, start_new_session=True, stdin=subprocess.DEVNULL
    )
