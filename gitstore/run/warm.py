"""Warm models: a worker that has instantiated its model, and answers many evaluations."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from gitstore.errors import LauncherTerminated
from gitstore.run import process
from gitstore.run.dialogue import Dialogue
from gitstore.run.interrupts import Interrupts
from gitstore.run.phases import Clock
from gitstore.run.supervisor import Evaluation, describe_request
from gitstore.run.values import parameters
from gitstore.run.worker.tensors import Value
from gitstore.run.workplace import Files, Workplace
from gitstore.settings.schema import Settings


class WarmModel:
    """An instantiated model. `durations` has the seconds of each phase until it was, and their `total`.
    `settings` are those that its inputs and outputs have to match.

    Threads may share it: their evaluations wait for each other, since a model need not be safe for threads.
    """

    def __init__(self, dialogue: Dialogue, *, settings: Settings, workplace: Workplace) -> None:
        self.workplace = workplace
        self.durations = dialogue.durations
        self._dialogue = dialogue
        self.settings = settings
        self._busy = threading.Lock()

    @property
    def is_alive(self) -> bool:
        """Whether it can be evaluated, or is being evaluated: its worker has not ended."""
        return self._busy.locked() or self._dialogue.is_idle

    def evaluate(self, inputs: Mapping[str, Value]) -> Evaluation:
        """Evaluate inputs. Their types and limits of time are those of the model's settings.

        After an exception of the model, it can be evaluated again; after other failures, it is not alive.
        Raises InvalidInput before anything runs, and OperationFailed.
        """
        types = self.settings.types.evaluate
        arrays = parameters.check_inputs(inputs, types.inputs)
        with self._busy:
            if not self._dialogue.is_idle:
                raise LauncherTerminated(
                    "evaluate: the model's process ended after an earlier failure", phase="evaluate"
                )
            self._dialogue.follow(Clock("answer", self.settings.max_durations), "evaluate", inputs=arrays)
            outputs, durations = self._dialogue.outputs or {}, self._dialogue.durations
            peak_memory = self._dialogue.peak_memory
        checked = parameters.check_outputs(outputs, types.outputs)
        return Evaluation(
            outputs=checked, durations=durations, workplace=self.workplace, peak_memory=peak_memory
        )

    def close(self) -> None:
        """Let the model end, after the evaluation that runs."""
        with self._busy:
            if self._dialogue.is_idle:
                self._dialogue.is_idle = False
                self._dialogue.close()


@contextmanager
def open_warm_model(
    files: Files, *, settings: Settings, workplace: Workplace, interrupts: Interrupts | None = None
) -> Iterator[WarmModel]:
    """Load the model of `files`, and keep it until the block ends.

    Raises OperationFailed if the model cannot be loaded. After an interrupt, loading and evaluations raise
    Cancelled.
    """
    clock = Clock("serve", settings.max_durations)
    with process.start_worker(workplace, files) as worker:
        dialogue = Dialogue(worker, confined=workplace.is_confined, interrupts=interrupts)
        dialogue.follow(clock, "request", inputs={}, **describe_request("serve", settings), **worker.paths)
        model = WarmModel(dialogue, settings=settings, workplace=workplace)
        try:
            yield model
        finally:
            model.close()
