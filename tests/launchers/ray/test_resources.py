"""What an operation asks of a node, and saying at once that no node has it."""

from __future__ import annotations

import pytest

from gitstore.launchers.ray.cluster import ClusterNode
from gitstore.launchers.ray.resources import Demand, ImpossibleDemand, find_demand
from gitstore.sandbox.choice import Sandbox
from gitstore.settings import parse
from gitstore.units import GIB

SMALL = ClusterNode("1", "small", {"CPU": 1.0, "memory": 2.0 * GIB})
LARGE = ClusterNode("2", "large", {"CPU": 8.0, "memory": 4.0 * GIB, "GPU": 2.0, "accelerator_type:A100": 1.0})


def demand(launcher: str, sandbox: Sandbox | None = None) -> Demand:
    settings = parse(f"name: digits\ndefault_launchers: {{evaluate: {{{launcher}}}}}\n".encode())
    return find_demand(settings, sandbox or Sandbox(), "evaluate")


def test_settings_as_options_of_ray() -> None:
    asked = demand("cpus: 2.5, memory: 3GiB, gpus: {count: 2, model: A100}")
    assert asked.options == {
        "num_cpus": 3,
        "memory": 3 * GIB,
        "num_gpus": 2,
        "accelerator_type": "A100",
    }
    asked.check([SMALL, LARGE])


def test_fractions_of_one_core_stay() -> None:
    assert demand("cpus: 0.25").options == {"num_cpus": 0.25, "memory": GIB, "num_gpus": 0}


def test_what_the_user_says_counts_more() -> None:
    assert demand("cpus: 64", Sandbox(cpus=1, memory=GIB // 2)).options["num_cpus"] == 1


@pytest.mark.parametrize(
    "launcher",
    ["cpus: 9", "memory: 5GiB", "gpus: {count: 3}", "gpus: {count: 1, model: H100}", "cpus: 1e4"],
)
def test_more_than_any_node_has(launcher: str) -> None:
    with pytest.raises(ImpossibleDemand, match=r"small: 1 core, 2.0 GiB; large: 8 cores, 4.0 GiB, 2 GPUs"):
        demand(launcher).check([SMALL, LARGE])


def test_two_nodes_are_not_one() -> None:
    """Each of them has one of the two."""
    with pytest.raises(ImpossibleDemand):
        demand("cpus: 2, memory: 2GiB").check([SMALL, ClusterNode("3", "cores", {"CPU": 8, "memory": 1e9})])
