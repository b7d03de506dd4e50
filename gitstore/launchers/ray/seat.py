"""A seat for a warm model on a node: it stays instantiated between evaluations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.launchers.ray.node import NodeTask, find_node_conditions, open_snapshot, strip
from gitstore.launchers.ray.reports import printing
from gitstore.launchers.server import Keeper
from gitstore.run.evaluation import LocalLauncher
from gitstore.run.interrupts import Interrupts
from gitstore.run.supervisor import Evaluation
from gitstore.run.warm import WarmModel
from gitstore.run.worker.tensors import Value

_KEPT = 1 << 20


class SeatAnswer(NamedTuple):
    """An answer, or an error, and the end of what the model has printed since the last one."""

    result: Evaluation | GitstoreError | None
    printed: bytes


class WarmSeat:
    """Keeps a model. Its methods may run at the same time; evaluations run one after the other."""

    def __init__(self, encoded: bytes) -> None:
        self._task = NodeTask.decode(encoded)
        self._pack: bytes | None = None
        self._interrupts = Interrupts()
        self._printed = bytearray()
        self._stack = ExitStack()
        self._keeper: Keeper | None = None

    def open(self, pack: bytes | None) -> SeatAnswer:
        """Instantiate the model. The error is `SnapshotMissing` if the node needs the pack."""
        self._pack = pack
        try:
            self._output = self._stack.enter_context(printing(self._keep))
            self._keeper = self._stack.enter_context(Keeper(self._open_model))
        except GitstoreError as error:
            self._stack.close()
            return self._answer(error)
        return self._answer(None)

    def evaluate(self, inputs: Mapping[str, Value]) -> SeatAnswer:
        """Evaluate inputs."""
        if self._keeper is None:
            raise RuntimeError("the seat is empty")
        try:
            return self._answer(strip(self._keeper.evaluate(inputs)))
        except GitstoreError as error:
            return self._answer(error)

    def cancel(self) -> None:
        """End what runs with Cancelled."""
        self._interrupts.add()

    def close(self) -> None:
        """Let the model end, after the evaluation that runs."""
        self._stack.close()

    def _keep(self, block: bytes) -> None:
        self._printed += block
        del self._printed[:-_KEPT]

    def _answer(self, result: Evaluation | GitstoreError | None) -> SeatAnswer:
        printed, self._printed = bytes(self._printed), bytearray()
        return SeatAnswer(result, printed)

    @contextmanager
    def _open_model(self) -> Iterator[WarmModel]:
        conditions = find_node_conditions(self._task, output=self._output)
        launcher = LocalLauncher(conditions, self._interrupts)
        with (
            open_snapshot(conditions.cache, self._task, self._pack) as snapshot,
            launcher.open_warm(snapshot) as model,
        ):
            yield model
