"""What an operation asks of a node: `default_launchers` as Ray's resources.

Ray only schedules by them. The supervisor on the node enforces the limits, as on this machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gitstore.errors import GitstoreError
from gitstore.launchers.ray.cluster import ClusterNode
from gitstore.run.phases import LAUNCHERS
from gitstore.sandbox.choice import Sandbox
from gitstore.settings.schema import Settings
from gitstore.text import counted
from gitstore.units import format_size

_ACCELERATOR = "accelerator_type:"
_SHARE = 0.001
"""How much of a node's `accelerator_type` Ray takes for one task."""

_MOST_NODES = 8
"""The nodes that a message shows at the most."""


class ImpossibleDemand(GitstoreError):
    """No node of the cluster has what an operation needs, so it would wait for ever."""

    kind = "impossible_demand"

    def __init__(self, message: str, hint: str, *, nodes: Sequence[ClusterNode]) -> None:
        super().__init__(message, hint)
        self.nodes = [node._asdict() for node in nodes]

    def details(self) -> dict[str, Any]:
        return {"nodes": self.nodes}


@dataclass(frozen=True)
class Demand:
    """What one operation needs of one node. `memory` is in bytes."""

    operation: str
    cpus: float
    memory: int
    gpus: int
    gpu_model: str | None

    @property
    def options(self) -> dict[str, Any]:
        """The options of a task of Ray, or of an actor."""
        options: dict[str, Any] = {"num_cpus": self.cpus, "memory": self.memory, "num_gpus": self.gpus}
        return options | ({"accelerator_type": self.gpu_model} if self.gpus and self.gpu_model else {})

    @property
    def resources(self) -> dict[str, float]:
        """What a node must have, by Ray's names."""
        needed: dict[str, float] = {"CPU": self.cpus, "memory": self.memory, "GPU": self.gpus}
        return needed | ({f"{_ACCELERATOR}{self.gpu_model}": _SHARE} if self.gpus and self.gpu_model else {})

    def check(self, nodes: Sequence[ClusterNode]) -> None:
        """Raise `ImpossibleDemand` if no node has enough, even if it were idle."""
        if any(self._fits(node) for node in nodes):
            return
        shown = "; ".join(f"{node.name}: {_describe(node.resources)}" for node in nodes[:_MOST_NODES])
        more = f"; and {counted(len(nodes) - _MOST_NODES, 'more node')}" if len(nodes) > _MOST_NODES else ""
        raise ImpossibleDemand(
            f"no node of the Ray cluster has {_describe(self.resources)}; it has {shown or 'no nodes'}{more}",
            f"--cpus and --memory ask for less, and so does default_launchers.{self.operation} in"
            " settings.yaml",
            nodes=nodes,
        )

    def count_places(self, nodes: Sequence[ClusterNode]) -> int:
        """Return how many such operations these nodes have room for at once, if they are idle."""
        needed = {name: amount for name, amount in self.resources.items() if amount}
        return sum(
            int(min(node.resources.get(name, 0) / amount for name, amount in needed.items()))
            for node in nodes
        )

    def _fits(self, node: ClusterNode) -> bool:
        return all(node.resources.get(name, 0) >= amount for name, amount in self.resources.items())


def find_demand(settings: Settings, sandbox: Sandbox, operation: str) -> Demand:
    """Return what an operation needs by settings.yaml, and by what the user chose in its place."""
    operation = LAUNCHERS.get(operation, operation)
    launcher = getattr(settings.default_launchers, operation)
    cpus = sandbox.cpus or launcher.cpus
    return Demand(
        operation,
        cpus=cpus if cpus <= 1 else math.ceil(cpus),  # Ray has fractions of one core only
        memory=sandbox.memory or launcher.memory,
        gpus=launcher.gpus.count,
        gpu_model=launcher.gpus.model,
    )


def _describe(resources: dict[str, float]) -> str:
    cores, memory, gpus = (resources.get(name, 0) for name in ("CPU", "memory", "GPU"))
    models = [name.removeprefix(_ACCELERATOR) for name in resources if name.startswith(_ACCELERATOR)]
    devices = f", {gpus:g} GPUs{f' ({models[0]})' if models else ''}" if gpus else ""
    return f"{cores:g} {'core' if cores == 1 else 'cores'}, {format_size(int(memory))}{devices}"
