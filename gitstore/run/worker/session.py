"""A worker's life: take one request, run its operation phase by phase, report, end.

The supervisor sends `request` (operation, code, state, out; the inputs as tensors) and perhaps
`cancel`. The worker sends `done` at the end of each phase, `progress` and `metric` while training,
`outputs` before the end of evaluate; or, as its last frame, `failed` or `unusable`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import Any

from . import contract, failure, wire
from .contract import Caller
from .tracker import Tracker

SUPERVISOR_GONE = 1

METHODS = {
    "create_state": ("create_state",),
    "evaluate": ("evaluate",),
    "load": ("evaluate",),  # what is loaded is to be evaluated some day
    "train": ("train", "save_state"),
}


def serve(descriptor: int) -> None:
    """Serve the one request that comes over the inherited socket."""
    # Standard output is the supervisor's caller's: what a model prints is for people.
    os.dup2(2, 1)
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    # Not for the model's child processes: the end of the stream has to mean the end of the worker.
    connection = socket.socket(fileno=descriptor)
    connection.set_inheritable(False)
    channel = wire.Channel(connection)
    os.register_at_fork(after_in_child=channel.close)
    try:
        session = Session(channel, channel.receive())
        threading.Thread(target=session.listen, daemon=True).start()
        session.run()
    except wire.Closed:
        # The supervisor has gone, the model closed our socket, or this is a forked copy of the worker
        # that came back from the model's code. Nobody is there to tell.
        os._exit(SUPERVISOR_GONE)


class Session:
    """One request being served."""

    def __init__(self, channel: wire.Channel, request: wire.Frame) -> None:
        self._channel = channel
        self._operation: str = request.fields["operation"]
        self._paths = {name: Path(request.fields.get(name, "")) for name in ("code", "state", "out")}
        self._inputs = request.tensors
        self._tracker = Tracker(channel)

    def run(self) -> None:
        """Run the operation to its end, or report how the model's code failed."""
        with Caller() as caller:
            try:
                self._operate(caller)
            except (SystemExit, wire.Closed):
                # sys.exit() in a model ends the process, as it does everywhere: the exit code tells.
                self._channel.finish()
                raise
            except failure.UnusableOutputs as error:
                self._report("unusable", problems=error.problems)
            except BaseException as error:
                self._report("failed", **failure.described(error, self._paths["code"]))

    def listen(self) -> None:
        """Follow what the supervisor says meanwhile. Its death is the worker's."""
        try:
            while self._channel.receive().kind == "cancel":
                self._tracker.cancel()
        except wire.Lost:
            return  # the model closed our socket: the next report ends the worker with an exit code
        except (wire.Closed, wire.Malformed):
            pass
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(SUPERVISOR_GONE)

    def _operate(self, caller: Caller) -> None:
        model_class = contract.load(self._paths["code"], METHODS[self._operation])
        self._done("code_startup")
        if self._operation == "create_state":
            caller.call(model_class.create_state, self._paths["out"], **self._inputs)
            self._done("create_state")
            return
        model = model_class(self._paths["state"])
        if self._operation == "load":
            self._close(caller, model)
        self._done("instantiate_model")
        if self._operation == "load":
            return
        if self._operation == "evaluate":
            returned = caller.call(model.evaluate, **self._inputs)
            self._report("outputs", arrays=contract.outputs(returned))
            self._close(caller, model)
            self._done("evaluate")
        else:
            self._train(caller, model)

    def _train(self, caller: Caller, model: Any) -> None:
        caller.call(model.train, self._tracker, **self._inputs)
        self._done("train")
        if self._tracker.cancelled:
            return
        caller.call(model.save_state, self._paths["out"])
        self._close(caller, model)
        self._done("get_state")

    def _close(self, caller: Caller, model: Any) -> None:
        """Call the optional close(); after a failure nobody does, since the process ends at once."""
        close = getattr(model, "close", None)
        if close is not None:
            caller.call(close)

    def _done(self, phase: str) -> None:
        self._report("done", phase=phase)

    def _report(self, kind: str, **facts: Any) -> None:
        # The supervisor may kill us as soon as it has read this: let nothing that was printed get lost.
        with contextlib.suppress(Exception):
            sys.stdout.flush()
        try:
            self._channel.send(kind, **facts)
        except wire.Malformed as error:
            raise failure.UnusableOutputs([str(error)]) from error
