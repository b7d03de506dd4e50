"""Following what runs on a node, from here: its reports, the user's interrupts, and its end."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from typing import Any

import numpy as np

from gitstore.errors import Cancelled, GitstoreError, LauncherTerminated
from gitstore.launchers.ray.cluster import load_ray
from gitstore.launchers.ray.reports import Printed
from gitstore.run.interrupts import Interrupts
from gitstore.run.supervisor import Evaluation
from gitstore.run.worker.tensors import Value
from gitstore.sandbox.output import Output

TICK = 0.1
"""The seconds after which an interrupt of another thread is noticed."""

GRACE = 10.0
"""The seconds that cancelled work has to end by itself. Then Ray kills its process."""


class Screen:
    """Copies what a model prints on a node to a descriptor here. Nothing is opened before it prints."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._output: Output | None = None
        self._pipe = -1

    def show(self, content: bytes) -> None:
        """Show some bytes, in the order of the calls."""
        if not content:
            return
        if self._output is None:
            self._output = Output(self._target)
            self._pipe = os.dup(self._output.descriptor)
            self._output.start()
        with open(self._pipe, "wb", closefd=False) as pipe:
            pipe.write(content)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        if self._output is not None:
            os.close(self._pipe)
            self._output.close()


class Follower:
    """Follows a task of Ray that yields reports, to its last one."""

    def __init__(self, reports: Any, interrupts: Interrupts) -> None:
        self._ray = load_ray()
        self._reports = reports
        self._interrupts = interrupts

    def follow(self, screen: Screen) -> Any:
        """Show what the model prints, and return the result. Raises errors of Ray, and Cancelled.

        When it raises, the task has ended, and nothing of the model is left on the node.
        """
        try:
            while True:
                if self._interrupts.count:
                    raise Cancelled("evaluate: cancelled")
                if not self._ray.wait([self._reports], timeout=TICK)[0]:
                    continue
                report = self._ray.get(next(self._reports))
                if not isinstance(report, Printed):
                    return report
                screen.show(report.content)
        except StopIteration as error:
            raise LauncherTerminated("evaluate: the Ray worker gave no answer", phase="evaluate") from error
        except (KeyboardInterrupt, Cancelled):
            self._cancel()
            raise

    def _cancel(self) -> None:
        """End the task, and wait for its end. Ray interrupts it first, like Ctrl-C, and then kills it."""
        completed = self._reports.completed()
        for force in (False, True):
            with suppress(KeyboardInterrupt, self._ray.exceptions.RayError):
                self._ray.cancel(self._reports, force=force)
                if self._wait(completed):
                    return

    def _wait(self, reference: Any) -> bool:
        """Wait for something up to `GRACE` seconds; return whether it is there."""
        deadline = time.monotonic() + GRACE
        while time.monotonic() < deadline:
            if self._ray.wait([reference], timeout=TICK)[0]:
                return True
        return False


def take_evaluation(answer: object) -> Evaluation:
    """Return an evaluation whose outputs are no longer in Ray's memory, or raise the error that it is."""
    if isinstance(answer, GitstoreError):
        raise answer
    if not isinstance(answer, Evaluation):
        raise LauncherTerminated("evaluate: the Ray worker gave no answer", phase="evaluate")
    for name, value in answer.outputs.items():
        answer.outputs[name] = _copy(value)
    return answer


def _copy(value: Value) -> Value:
    """Return a value of our own. Ray's are read-only, and keep their place in the cluster's memory."""
    return [np.array(item) for item in value] if isinstance(value, list) else np.array(value)
