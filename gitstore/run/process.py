"""The worker's process: how it is started, how its end is noticed, how nothing of it stays.

This is the place that a sandbox, an environment's interpreter or a remote launcher changes; what is
said over the socket is the same for all of them.
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
from collections.abc import Iterator, Sequence
from pathlib import Path

WORKER = Path(__file__).parent / "worker"
GUARDIAN = WORKER / "guardian.py"

PATIENCE = 10.0
"""Seconds in which a guardian that works has killed what there is."""


class Process:
    """A running worker at the other end of `socket`, and its guardian, which is the process that we start.

    The guardian ends when the worker and all processes that it started have, or kills them when the
    pipe `control` is closed. `stop` alone reaps it: until then its id is taken, and no other process has it.
    """

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket, *, control: int) -> None:
        self._process = process
        self._control: int | None = control
        self.socket = connection

    def ended(self) -> bool:
        """Whether the worker has ended, and all that it started."""
        if self._process.returncode is not None:
            return True
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            # Who started us has SIGCHLD ignored: then the kernel reaps.
            return True

    def wait(self, seconds: float) -> bool:
        """Give the worker time to end by itself; whether it did."""
        if self.ended():
            return True
        try:
            descriptor = os.pidfd_open(self._process.pid)
        except (AttributeError, OSError):  # elsewhere than on Linux, or on an old one
            return self._ended_within(seconds)
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        try:
            poll.poll(seconds * 1000)
        finally:
            os.close(descriptor)
        return self.ended()

    def _ended_within(self, seconds: float) -> bool:
        deadline = time.monotonic() + seconds
        pause = 0.001
        while not self.ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        return True

    def stop(self) -> int:
        """Have whatever is left of the worker killed, and close the socket.

        Gives the exit code, or the negated number of the signal that ended it, like subprocess.
        Done twice, it gives the same.
        """
        self.socket.close()
        if self._control is not None:
            os.close(self._control)
            self._control = None
        if not self.wait(PATIENCE):  # a model stopped its guardian, where it can
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()


@contextlib.contextmanager
def started(read_only: Path | None = None) -> Iterator[Process]:
    """A worker, which is gone with all its children when the block ends.

    It runs in an empty directory of its own: what it does must not depend on where the user stands.
    Nothing on standard input, and what it prints goes to this process's standard error. Where the system
    allows that, it cannot write below `read_only`, nor see other processes than its own.
    """
    with tempfile.TemporaryDirectory(prefix="gitstore-", ignore_cleanup_errors=True) as scratch:
        process = _start(Path(scratch), read_only or Path(scratch, "none"))
        try:
            yield process
        finally:
            process.stop()


def _start(directory: Path, read_only: Path) -> Process:
    ours, theirs = socket.socketpair()
    control, ours_of_control = os.pipe()
    # -B: a snapshot's code is read-only, and a working copy's is not ours to litter.
    worker = [sys.executable, "-B", str(WORKER)]
    guardian = [sys.executable, "-I", "-S", "-B", str(GUARDIAN), str(control), str(theirs.fileno())]
    with theirs:
        try:
            process = launch([*guardian, str(read_only), *worker], directory, [control, theirs.fileno()])
        except BaseException:
            os.close(ours_of_control)
            ours.close()
            raise
        finally:
            os.close(control)
    return Process(process, ours, control=ours_of_control)


def launch(command: list[str], directory: Path, descriptors: Sequence[int]) -> subprocess.Popen[bytes]:
    """Start a guardian, in a session of its own, that inherits `descriptors`."""
    return subprocess.Popen(
        command, cwd=directory, pass_fds=descriptors, start_new_session=True, stdin=subprocess.DEVNULL
    )
