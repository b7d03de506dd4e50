"""What a batch needs of a launcher: models that stay instantiated, several at once."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from gitstore.models.snapshot import Snapshot
from gitstore.progress import Progress
from gitstore.run.interrupts import Interrupts
from gitstore.run.supervisor import Evaluation
from gitstore.run.worker.tensors import Value


class Evaluator(Protocol):
    """An instantiated model. One thread opens it, uses it and closes it."""

    def evaluate(self, inputs: Mapping[str, Value]) -> Evaluation:
        """Evaluate inputs. After a failure, the evaluator is closed, and not asked again.

        Raises LauncherTerminated if what it runs on has ended, InvalidInput, and OperationFailed.
        """


class BatchLauncher(Protocol):
    """Provides evaluators of a snapshot."""

    def open_warm(
        self, snapshot: Snapshot, *, progress: Progress = ..., interrupts: Interrupts | None = ...
    ) -> AbstractContextManager[Evaluator]:
        """Provide an evaluator until the block ends. `progress` is called with bytes of the state.

        After an interrupt, which another thread adds, it raises Cancelled, and so does an evaluation. Raises
        OperationFailed if the model cannot be instantiated.
        """

    def count_workers(self, snapshot: Snapshot) -> int:
        """Return how many evaluators have room at once, at least 1."""
