"""A warm model on a node, as the caller sees it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import gitstore
from gitstore.errors import Cancelled, GitstoreError, LauncherTerminated
from gitstore.launchers.ray import cluster, remote
from gitstore.launchers.ray.following import GRACE, TICK, Screen, take_evaluation
from gitstore.launchers.ray.node import NodeTask, SnapshotMissing
from gitstore.launchers.ray.resources import Demand
from gitstore.launchers.ray.seat import SeatAnswer
from gitstore.launchers.ray.shipping import Shipment
from gitstore.run.interrupts import Interrupts
from gitstore.run.supervisor import Evaluation
from gitstore.run.values import parameters
from gitstore.run.worker.tensors import Value
from gitstore.settings.schema import Settings

_ATTEMPTS = 3


class RayModel:
    """An instantiated model on a node of a cluster.

    Threads may share it. If its process on the node ends, the next evaluation instantiates it anew; if the
    node itself is lost, it is not alive any more.
    """

    def __init__(self, seat: Any, *, settings: Settings, interrupts: Interrupts, output: int) -> None:
        self.settings = settings
        self.is_alive = True
        self._seat = seat
        self._interrupts = interrupts
        self._output = output
        self._ray = cluster.load_ray()

    @classmethod
    def start(cls, demand: Demand, settings: Settings, *, interrupts: Interrupts, output: int) -> RayModel:
        """Ask the cluster for a place, which may take until others leave one.

        What the model prints is copied to the descriptor `output`.
        """
        seat = remote.make_seat().options(**demand.options).remote()
        return cls(seat, settings=settings, interrupts=interrupts, output=output)

    def instantiate(self, task: NodeTask, shipment: Shipment) -> None:
        """Instantiate the model in its place, to which the snapshot is sent if it is not there.

        Raises OperationFailed if that fails, `GitstoreError` if the node has another gitstore, and errors of
        Ray.
        """
        remote.check_version(self._ask(self._seat.check.remote(gitstore.__version__)))
        pack = None
        for _ in range(_ATTEMPTS):
            result = self._take(self._ask(self._seat.open.remote(task.encode(), pack)))
            if not isinstance(result, SnapshotMissing):
                break
            pack = shipment.send(result.node)
        if isinstance(result, GitstoreError):
            raise result

    def evaluate(self, inputs: Mapping[str, Value]) -> Evaluation:
        """Evaluate inputs. Raises like `WarmModel.evaluate`, and LauncherTerminated if the node is lost."""
        parameters.check_inputs(inputs, self.settings.types.evaluate.inputs)
        try:
            with cluster.explaining_losses("evaluate"):
                answer = self._ask(self._seat.evaluate.remote(self._ray.put(dict(inputs))))
                return take_evaluation(self._take(answer))
        except LauncherTerminated:
            self.is_alive = self._answers()
            raise

    def close(self) -> None:
        """Let the model end, and its place with it. An evaluation that runs is cancelled."""
        self.is_alive = False
        with suppress(self._ray.exceptions.RayError):
            self._seat.cancel.remote()
            self._ray.wait([self._seat.close.remote()], timeout=GRACE)
        self._ray.kill(self._seat)

    def _answers(self) -> bool:
        """Whether the seat is still there, so that it can instantiate the model again."""
        with suppress(self._ray.exceptions.RayError):
            return self._ray.get(self._seat.check.remote(gitstore.__version__), timeout=GRACE) is None
        return False

    def _take(self, answer: SeatAnswer) -> Evaluation | GitstoreError | None:
        """Show what was printed, and return the result."""
        with Screen(self._output) as screen:
            screen.show(answer.printed)
        return answer.result

    def _ask(self, reference: Any) -> Any:
        """Wait for an answer of the seat. An interrupt, or Ctrl-C, ends what the model does."""
        try:
            while not self._ray.wait([reference], timeout=TICK)[0]:
                if self._interrupts.count:
                    raise Cancelled("evaluate: cancelled")
        except (KeyboardInterrupt, Cancelled):
            with suppress(self._ray.exceptions.RayError):
                self._seat.cancel.remote()
                self._ray.wait([reference], timeout=GRACE)
            self.is_alive = False
            raise
        return self._ray.get(reference)
