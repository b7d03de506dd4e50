"""The connection of this process to a Ray cluster. Ray is imported here, when it is needed.

Ray joins any cluster that it finds, unless it gets an address. So there is no connection without one.
"""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from gitstore.errors import GitstoreError, LauncherTerminated

if TYPE_CHECKING:
    from types import ModuleType

ADDRESS = re.compile(r"(\[[0-9a-fA-F:]+\]|[\w.-]+):([0-9]{1,5})")
"""HOST:PORT of a cluster, where its head node answers."""

_PATIENCE = 10.0
"""The seconds in which the head node must answer at all."""

_connecting = threading.Lock()


class NoCluster(GitstoreError):
    """There is no Ray, or no Ray cluster at the address that this process could use."""

    kind = "no_cluster"


class ClusterNode(NamedTuple):
    """A node of a cluster: its id, how people call it, and all that it has of each resource."""

    id: str
    name: str
    resources: dict[str, float]


def load_ray() -> ModuleType:
    """Import Ray. Raises `NoCluster` if it is not installed."""
    try:
        import ray
    except ImportError as error:
        raise NoCluster(
            "Ray is not installed, so nothing can be run on a Ray cluster",
            "pip install 'gitstore[ray]' installs it",
        ) from error
    return ray


def connect(address: str) -> ModuleType:
    """Connect this process to the cluster at HOST:PORT, and return Ray. Idempotent; any thread may call it.

    Raises `NoCluster`, also if this process is connected to another cluster.
    """
    host, port = _parse(address)
    ray = load_ray()
    with _connecting:
        if not ray.is_initialized():
            _check_listening(host, port)
            _initialize(ray, address)
            _connection.address = address
        elif address not in (_connection.address, ray.get_runtime_context().gcs_address):
            current = ray.get_runtime_context().gcs_address
            raise NoCluster(
                f"this process is connected to the Ray cluster {current} already, so it cannot use {address}"
            )
    return ray


def disconnect() -> None:
    """End the connection of this process, if there is one."""
    with _connecting:
        if _connection.address is not None:
            load_ray().shutdown()
            _connection.address = None


def list_nodes() -> list[ClusterNode]:
    """Return the nodes of the cluster that are alive."""
    return [
        ClusterNode(
            node["NodeID"],
            node.get("NodeManagerHostname") or node["NodeManagerAddress"],
            dict(node["Resources"]),
        )
        for node in load_ray().nodes()
        if node["Alive"]
    ]


def place_on(node: str, *, soft: bool = False) -> Any:
    """Return the strategy that places a task on a node; if `soft`, on another one if that node is gone."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return NodeAffinitySchedulingStrategy(node, soft=soft)


def find_own_node() -> str:
    """Return the id of the node that this process, a worker of Ray, is on."""
    return str(load_ray().get_runtime_context().get_node_id())


@contextmanager
def explaining_losses(operation: str) -> Iterator[None]:
    """Raise `LauncherTerminated` if a node or a process of Ray is lost, and what code there raised itself."""
    ray = load_ray()
    try:
        yield
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, Exception) and not isinstance(error.cause, ray.exceptions.RayError):
            raise error.cause from error
        raise _make_terminated(operation, error) from error
    except ray.exceptions.RayError as error:
        raise _make_terminated(operation, error) from error


def _make_terminated(operation: str, error: Exception) -> LauncherTerminated:
    reason = next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
    return LauncherTerminated(
        f"{operation}: the Ray worker ended before it answered: {reason}",
        "ray status shows which nodes are left",
        phase=operation,
    )


class _Connection:
    """The address that this process connected to by `connect`; `None` before."""

    address: str | None = None


_connection = _Connection()


def _parse(address: str) -> tuple[str, int]:
    match = ADDRESS.fullmatch(address)
    if match is None or not 0 < int(match[2]) < 65536:
        raise NoCluster(
            f"{address!r} is not the address of a Ray cluster", "write HOST:PORT, like 10.0.0.5:6379"
        )
    return match[1].strip("[]"), int(match[2])


def _check_listening(host: str, port: int) -> None:
    """Raise `NoCluster` if nobody listens: Ray would try for minutes."""
    try:
        socket.create_connection((host, port), timeout=_PATIENCE).close()
    except OSError as error:
        raise NoCluster(
            f"no Ray cluster answers at {host}:{port}: {error.strerror or error}",
            "ray start --head starts one, and says its address",
        ) from error


def _initialize(ray: Any, address: str) -> None:
    try:
        ray.init(address=address, log_to_driver=False, logging_level="ERROR", configure_logging=True)
    except Exception as error:  # of many classes, and with many lines
        reason = " ".join(str(error).split())
        raise NoCluster(
            f"the Ray cluster at {address} cannot be used from here: {reason:.300}",
            "this machine must be a node of the cluster, with the same versions of Ray and Python",
        ) from error
