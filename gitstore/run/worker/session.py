"""The worker's session: it receives one request, runs its operation phase by phase, reports, and ends.

The supervisor sends `request` (operation, code, state, out, definitions of parameters; the inputs as
tensors) and perhaps `cancel`. The worker sends `done` at the end of each phase, `reports` (metrics and
progress) while training, `outputs` before the end of evaluate; or, as its last frame, `failed` or `unusable`.

The operation `serve` goes on after its phases: each frame `evaluate` has inputs, and is answered like an
evaluation, until the supervisor sends `close`. A failure of the model is one answer, and not the last frame.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from . import contract, failure, wire
from .calls import Caller
from .contract import Driver
from .tensors import Value
from .tracker import Tracker

SUPERVISOR_GONE = 1


def serve(descriptor: int) -> None:
    """Serve one request, which is received from the inherited socket."""
    # Standard output belongs to the supervisor's caller. What a model prints goes to standard error.
    os.dup2(2, 1)
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # The model's child processes must not inherit it, so that the stream ends with the worker.
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    channel = wire.Channel(connection, trusts_files=True)
    os.register_at_fork(after_in_child=channel.close)
    try:
        session = Session(channel, channel.receive())
        threading.Thread(target=session.listen, daemon=True).start()
        session.run()
    except wire.Closed:
        # The supervisor is gone, the model closed our socket, or this is a forked copy of the worker that
        # returned from the model's code. Nobody can receive a report.
        os._exit(SUPERVISOR_GONE)


class Session:
    """A request that is being served."""

    def __init__(self, channel: wire.Channel, request: wire.Frame) -> None:
        self._channel = channel
        self._operation: str = request.fields["operation"]
        self._paths = {name: Path(request.fields.get(name, "")) for name in ("code", "state", "out")}
        self._inputs = request.tensors
        self._definitions = request.fields["definitions"]
        self._tracker = Tracker(channel)
        self._evaluations: queue.SimpleQueue[dict[str, Value] | None] = queue.SimpleQueue()

    def run(self) -> None:
        """Run the operation to its end, or report how the model's code failed."""
        with Caller() as caller:
            try:
                self._operate(caller)
            except (SystemExit, wire.Closed):
                # sys.exit() in a model ends the process, as everywhere; the supervisor reports the exit code.
                with contextlib.suppress(wire.Closed):
                    self._tracker.flush()
                self._channel.finish()
                raise
            except BaseException as error:
                self._report_failure(error)

    def listen(self) -> None:
        """Obey the supervisor while the operation runs. If the supervisor ends, so does the worker."""
        try:
            while self._obey(self._channel.receive()):
                pass
        except wire.Lost:
            return  # the model closed our socket: the next report ends the worker with an exit code
        except (wire.Closed, wire.Malformed):
            pass
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(SUPERVISOR_GONE)

    def _obey(self, frame: wire.Frame) -> bool:
        """Act on a frame that follows the request; return whether it is one that we know."""
        if frame.kind == "cancel":
            self._tracker.cancel()
        elif frame.kind == "evaluate":
            self._evaluations.put(frame.tensors)
        elif frame.kind == "close":
            self._evaluations.put(None)
        else:
            return False
        return True

    def _operate(self, caller: Caller) -> None:
        driver = contract.load_driver(
            self._paths["code"], self._operation, caller=caller, **self._definitions
        )
        self._report_done("code_startup")
        if self._operation == "create_state":
            driver.create_state(self._paths["out"], self._inputs)
            self._report_done("create_state")
            return
        driver.instantiate(self._paths["state"])
        if self._operation == "load":
            # After a failure, the process ends at once without calling close().
            driver.close()
        self._report_done("instantiate_model")
        if self._operation == "evaluate":
            self._report("outputs", values=driver.evaluate(self._inputs))
            driver.close()
            self._report_done("evaluate")
        elif self._operation == "serve":
            self._serve(driver)
        elif self._operation == "train":
            self._train(driver)

    def _serve(self, driver: Driver) -> None:
        """Answer evaluations until the supervisor says that there are no more."""
        for inputs in iter(self._evaluations.get, None):
            try:
                self._report("outputs", values=driver.evaluate(inputs))
                self._report_done("evaluate")
            except (SystemExit, wire.Closed):
                raise
            except BaseException as error:
                self._report_failure(error)
        driver.close()

    def _train(self, driver: Driver) -> None:
        driver.train(self._tracker, self._inputs)
        self._report_done("train")
        if self._tracker.cancelled:
            return
        driver.save_state(self._paths["out"])
        driver.close()
        self._report_done("get_state")

    def _report_failure(self, error: BaseException) -> None:
        if isinstance(error, failure.UnusableOutputs):
            self._report("unusable", problems=error.problems)
        else:
            self._report("failed", **failure.describe(error, self._paths["code"]))

    def _report_done(self, phase: str) -> None:
        self._report("done", phase=phase, peak_memory=_read_peak_memory())

    def _report(self, kind: str, **facts: Any) -> None:
        # The supervisor may kill us as soon as it has read this, so print everything first.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        self._tracker.flush()
        try:
            self._channel.send(kind, **facts)
        except wire.Malformed as error:
            raise failure.UnusableOutputs([str(error)]) from error


def _read_peak_memory() -> int | None:
    """Return the most bytes of memory that this process had; `None` if the system does not say.

    getrusage(2) would count the process that started this one, too.
    """
    try:
        with Path("/proc/self/status").open("rb") as status:
            line = next(line for line in status if line.startswith(b"VmHWM:"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration, ValueError, IndexError):
        return None
