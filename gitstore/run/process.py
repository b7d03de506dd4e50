"""The worker's process, in a sandbox or not: starting it, noticing its end, killing all that it started."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from gitstore.run.workplace import Files, Workplace
from gitstore.sandbox import plan, view
from gitstore.sandbox.ending import Ending
from gitstore.sandbox.output import Output
from gitstore.sandbox.results import reclaim_results

WORKER = Path(__file__).parent / "worker"
GUARDIAN = WORKER / "guardian.py"

PATIENCE = 10.0
"""The most seconds that a working guardian needs to kill all processes."""


_REPORT = 16384


class Process:
    """A running worker at the other end of `socket`, and its guardian, which is the process that we start.

    The guardian ends after the worker and all processes that it started, or kills them when the socket
    `control` is closed. Only `stop` reaps it, so until then no other process can get its id.

    `paths` are the directories of the operation by name, as the worker sees them. After `stop`, `ending` says
    why it ended, and `output.tail` has the end of what it printed.
    """

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        connection: socket.socket,
        *,
        control: socket.socket,
        output: Output,
        paths: Mapping[str, str],
    ) -> None:
        self._process = process
        self._control = control
        self.ending = Ending()
        self.socket = connection
        self.output = output
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
        if self._control.fileno() >= 0 and self.has_ended():
            self.ending = _read_ending(self._control)
        self._control.close()
        if not self.wait(PATIENCE):  # the model has stopped its guardian
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        returncode = self._process.wait()
        self.output.close()
        return returncode


def _read_ending(control: socket.socket) -> Ending:
    """Return what a guardian has written before it ended."""
    try:
        reason, peak, text = control.recv(_REPORT).decode(errors="replace").split(" ", 2)
        return Ending(reason, int(peak), text)
    except ValueError:
        return Ending("lost")


@contextlib.contextmanager
def start_worker(workplace: Workplace, files: Files) -> Iterator[Process]:
    """Start a worker for an operation on `files`. The end of the block kills it with all its processes.

    It runs in a new empty directory, so that it does not depend on the user's current directory. Its standard
    input is empty, and what it prints goes to this process's standard error. If the system allows it, the
    worker sees only its own processes. With a confinement, it runs in a sandbox. Raises NoSandbox if that
    cannot be started; it may also show only when the dialogue ends.
    """
    with tempfile.TemporaryDirectory(prefix="gitstore-", ignore_cleanup_errors=True) as scratch:
        process = _start(Path(scratch), workplace, files)
        try:
            yield process
        finally:
            process.stop()
            if workplace.confinement is not None and files.out is not None:
                reclaim_results(files.out)


def _start(directory: Path, workplace: Workplace, files: Files) -> Process:
    paths, place = _prepare(directory, workplace, files)
    output = Output(workplace.output)
    ours, theirs = socket.socketpair()
    our_control, control = socket.socketpair()
    numbers = [str(control.fileno()), str(theirs.fileno())]
    command = [sys.executable, "-I", "-S", str(GUARDIAN), *numbers, *place(output.descriptor)]
    with theirs, control:
        try:
            process = launch(
                command, directory, [control.fileno(), theirs.fileno()], output=output.descriptor
            )
        except BaseException:
            output.abandon()
            our_control.close()
            ours.close()
            raise
    output.start()
    return Process(process, ours, control=our_control, output=output, paths=paths)


def _prepare(
    directory: Path, workplace: Workplace, files: Files
) -> tuple[dict[str, str], Callable[[int], list[str]]]:
    """Return the paths that the worker sees, and the rest of the guardian's command line.

    The latter gets the number of the worker's output. -B: the code of a snapshot is read-only, and that of a
    working copy belongs to the user. -I: neither variables of the user nor packages in the home directory
    reach the model's environment.
    """
    worker = [str(workplace.python), "-I", "-B"]
    named = {"code": files.code, "state": files.state, "out": files.out}
    confinement = workplace.confinement
    if confinement is None:
        # Absolute, since the worker runs in another directory.
        paths = {name: str(path.absolute()) for name, path in named.items() if path is not None}
        read_only = str(workplace.read_only or directory / "none")
        return paths, lambda _: [read_only, *worker, str(WORKER)]
    sandbox = view.build_view(
        workplace.python,
        workplace.directories,
        worker=WORKER,
        binds=confinement.binds,
        network=confinement.network,
    )
    view.add_model(sandbox, files.code, state=files.state, out=files.out)
    steps = plan.build_plan(sandbox, confinement, python=workplace.python)
    inside = {"code": view.CODE, "state": view.STATE, "out": view.OUT}
    paths = {name: inside[name] for name, path in named.items() if path is not None}
    return paths, lambda output: ["--sandbox", str(plan.ROOM), steps, str(output), *worker, view.WORKER]


def launch(
    command: list[str], directory: Path, descriptors: Sequence[int], *, output: int
) -> subprocess.Popen[bytes]:
    """Start a guardian, in a session of its own, that inherits `descriptors`, and prints to `output`."""
    return subprocess.Popen(
        command,
        cwd=directory,
        pass_fds=[*descriptors, output],
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
    )
