"""The Ray launcher: evaluates snapshots on the nodes of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import gitstore
from gitstore.errors import LauncherTerminated
from gitstore.launchers.ray import cluster, remote, resources
from gitstore.launchers.ray.following import Follower, Screen, take_evaluation
from gitstore.launchers.ray.node import NodeTask, SnapshotMissing
from gitstore.launchers.ray.shipping import Shipment
from gitstore.launchers.ray.warm import RayModel
from gitstore.models.snapshot import Snapshot
from gitstore.progress import Progress
from gitstore.run.conditions import Conditions
from gitstore.run.interrupts import Interrupts
from gitstore.run.supervisor import Evaluation
from gitstore.run.values import parameters
from gitstore.run.worker.tensors import Value

_ATTEMPTS = 5
"""How often a task may come to a node that lacks the snapshot, or has lost it again."""


@dataclass(frozen=True)
class RayLauncher:
    """Evaluates snapshots on a Ray cluster, whose head answers at `address` (HOST:PORT).

    Each evaluation is a task of Ray, with the resources that `default_launchers` asks for. Of the conditions,
    the sandbox, the packages and the output count; each node has a cache and environments of its own. Any
    number of threads may use it. `interrupts` end what runs with Cancelled, from any thread.
    """

    address: str
    conditions: Conditions
    interrupts: Interrupts = field(default_factory=Interrupts)

    def evaluate(
        self, snapshot: Snapshot, inputs: Mapping[str, Value], *, progress: Progress = lambda _: None
    ) -> Evaluation:
        """Evaluate inputs; see `SnapshotLauncher.evaluate`.

        `progress` is called with the bytes that are sent to a node. Raises `NoCluster`, `ImpossibleDemand`,
        and `LauncherTerminated` if the node, or the task on it, is lost. KeyboardInterrupt ends the task.
        """
        parameters.check_inputs(inputs, snapshot.settings.types.evaluate.inputs)
        ray, demand, task = self._prepare(snapshot)
        shipment = Shipment(snapshot, task, progress=progress, interrupts=self.interrupts)
        options, pack = dict(demand.options), None
        with cluster.explaining_losses("evaluate"), Screen(self.conditions.output) as screen:
            values = ray.put(dict(inputs))
            for _ in range(_ATTEMPTS):
                reports = (
                    remote.make_evaluate()
                    .options(**options)
                    .remote(gitstore.__version__, task.encode(), values, pack=pack)
                )
                answer = Follower(reports, self.interrupts).follow(screen)
                remote.check_version(answer)
                if not isinstance(answer, SnapshotMissing):
                    return take_evaluation(answer)
                pack = shipment.send(answer.node)
                options["scheduling_strategy"] = cluster.place_on(answer.node, soft=True)
        raise LauncherTerminated("evaluate: no node keeps the snapshot", phase="evaluate")

    @contextmanager
    def open_warm(
        self,
        snapshot: Snapshot,
        *,
        progress: Progress = lambda _: None,
        interrupts: Interrupts | None = None,
    ) -> Iterator[RayModel]:
        """Instantiate the model of a snapshot on a node, and keep it there until the block ends.

        It takes a node's resources all that time. `interrupts` are those of this model alone. Raises like
        `evaluate`.
        """
        _, demand, task = self._prepare(snapshot)
        own = interrupts or self.interrupts
        shipment = Shipment(snapshot, task, progress=progress, interrupts=own)
        with cluster.explaining_losses("evaluate"):
            model = RayModel.start(
                demand,
                snapshot.settings,
                interrupts=own,
                output=self.conditions.output,
            )
        try:
            with cluster.explaining_losses("evaluate"):
                model.instantiate(task, shipment)
            yield model
        finally:
            model.close()

    def count_workers(self, snapshot: Snapshot) -> int:
        """Return how many warm models the cluster has room for if it is idle, at least 1.

        Raises `NoCluster` and `ImpossibleDemand`.
        """
        _, demand, _ = self._prepare(snapshot)
        return demand.count_places(cluster.list_nodes())

    def _prepare(self, snapshot: Snapshot) -> tuple[Any, resources.Demand, NodeTask]:
        """Connect to the cluster, and check that one of its nodes has enough."""
        sandbox = self.conditions.sandbox
        demand = resources.find_demand(snapshot.settings, sandbox, "evaluate")
        ray = cluster.connect(self.address)
        demand.check(cluster.list_nodes())
        return ray, demand, NodeTask(snapshot.ref, snapshot.tag_oid, sandbox, self.conditions.unlocked)
