"""Choosing the launcher of an evaluation: what the user says, or the engine that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gitstore.launchers.ray.cluster import NoCluster
from gitstore.models.snapshot import Snapshot
from gitstore.run.conditions import Conditions
from gitstore.run.engines import RAY, find_engine
from gitstore.run.evaluation import LocalLauncher

if TYPE_CHECKING:
    from gitstore.launchers.ray.launcher import RayLauncher


def choose_launcher(snapshot: Snapshot, conditions: Conditions) -> LocalLauncher | RayLauncher:
    """Return the launcher of a snapshot. Nothing is connected or started yet.

    Raises `NoCluster` if that is a cluster whose address the user has not set, or without Ray.
    """
    if (conditions.engine or find_engine(snapshot.settings, "evaluate")) != RAY:
        return LocalLauncher(conditions)
    if conditions.ray_address is None:
        why = (
            "--launcher ray needs a Ray cluster"
            if conditions.engine == RAY
            else f"default_launchers.evaluate.engine of {snapshot.short_name} is ray"
        )
        raise NoCluster(
            f"{why}, and the address of none is set",
            "git config --global gitstore.rayAddress HOST:PORT sets it; --launcher local needs none",
        )
    from gitstore.launchers.ray.launcher import RayLauncher

    return RayLauncher(conditions.ray_address, conditions)
