"""The worker's process: how it is started, how its end is noticed, how nothing of it stays.

This is the place that a sandbox, an environment's interpreter or a remote launcher changes; what is
said over the socket is the same for all of them.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

WORKER = Path(__file__).parent / "worker"


class Process:
    """A running worker, leader of its own session and process group, at the other end of `socket`.

    It is reaped by `stop` alone: until then its id is taken, and no other process group can have it.
    """

    def __init__(self, process: subprocess.Popen[bytes], connection: socket.socket) -> None:
        self._process = process
        self.socket = connection

    def ended(self) -> bool:
        """Whether the worker itself has ended; its children may live on."""
        if self._process.returncode is not None:
            return True
        try:
            return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            # Who started us has SIGCHLD ignored: then the kernel reaps.
            return True

    def wait(self, seconds: float) -> bool:
        """Give the worker time to end by itself; whether it did."""
        deadline = time.monotonic() + seconds
        pause = 0.001
        while not self.ended():
            if time.monotonic() > deadline:
                return False
            time.sleep(pause)
            pause = min(pause * 2, 0.05)
        return True

    def stop(self) -> int:
        """Kill whatever is left of the worker's process group, reap it, and close the socket.

        Gives the exit code, or the negated number of the signal that ended it, like subprocess.
        Done twice, it gives the same.
        """
        self.socket.close()
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        return self._process.wait()


@contextlib.contextmanager
def started() -> Iterator[Process]:
    """A worker, which is gone with all its children when the block ends.

    It runs in an empty directory of its own: what it does must not depend on where the user stands.
    Nothing on standard input, and what it prints goes to this process's standard error.
    """
    with tempfile.TemporaryDirectory(prefix="gitstore-", ignore_cleanup_errors=True) as scratch:
        process = _start(Path(scratch))
        try:
            yield process
        finally:
            process.stop()


def _start(directory: Path) -> Process:
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = subprocess.Popen(
                # -B: a snapshot's code is read-only, and a working copy's is not ours to litter.
                [sys.executable, "-B", str(WORKER), str(theirs.fileno())],
                cwd=directory,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
                stdin=subprocess.DEVNULL,
            )
        except BaseException:
            ours.close()
            raise
    return Process(process, ours)
