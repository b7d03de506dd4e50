"""Every failure in every phase of an evaluation on a node, in a real sandbox: the right error, nothing left.

The cases are those of the other launchers. A third of them, in which each failure and each phase is, is tried
here; `make failures` tries all of them on the others.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gitstore.errors import (
    CodeTerminated,
    EnvironmentFailed,
    InvalidInput,
    LauncherTerminated,
    MaxDurationExceeded,
    ModelException,
)
from gitstore.launchers.ray.launcher import RayLauncher
from gitstore.run import evaluation
from gitstore.run.values.inputs import Arrays
from tests.launchers.ray.test_launcher import eventually
from tests.launchers.test_conformance_failures import FAILURES, Scene, acting
from tests.support.ray_cluster import RayCluster

pytestmark = pytest.mark.only_with("ray")

PHASES = ("code_startup", "instantiate_model", "evaluate")
SHARE = 3


def operate(scene: Scene, cluster: RayCluster, values: Any = (1.0,)) -> None:
    launcher = RayLauncher(cluster.address, scene.conditions, scene.interrupts)
    evaluation.evaluate_snapshot(scene.snapshot, Arrays({"values": values}), launcher=launcher)


def _choose_action(scene: Scene, action: str | None, cluster: RayCluster) -> Callable[[], object]:
    if action == "kill the guardian":
        return cluster.kill_guardians
    return scene.interrupts.add


def _list_cases() -> Iterator[Any]:
    for row, phase in enumerate(PHASES):
        for column, name in enumerate(FAILURES):
            if (row + column) % SHARE == 0:
                yield pytest.param(phase, name, id=f"{phase}-{name}")


@pytest.mark.parametrize(("phase", "name"), list(_list_cases()))
def test_a_failure(tmp_path: Path, two_nodes: RayCluster, phase: str, name: str) -> None:
    scene, failure = Scene(tmp_path), FAILURES[name]
    scene.write(phase, failure)
    action = _choose_action(scene, failure.action, two_nodes)
    begin = time.monotonic()
    with pytest.raises(failure.error) as caught, acting(scene, action):
        operate(scene, two_nodes)
    assert type(caught.value) is failure.error
    assert time.monotonic() - begin < 60
    if isinstance(caught.value, ModelException | CodeTerminated | LauncherTerminated | MaxDurationExceeded):
        assert caught.value.phase == phase
        assert failure.facts.items() <= caught.value.details().items()
    assert eventually(lambda: two_nodes.leftovers == [])


def test_an_input_that_does_not_fit_does_not_even_connect(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.write()
    with pytest.raises(InvalidInput):
        operate(scene, RayCluster("127.0.0.1:1", tmp_path), [[1.0]])


def test_without_an_environment_nothing_runs(tmp_path: Path, two_nodes: RayCluster) -> None:
    scene = Scene(tmp_path)
    with (scene.model.directory / "settings.yaml").open("a") as file:
        file.write('packages: {python: "3.99"}\n')
    scene.write()
    with pytest.raises(EnvironmentFailed) as caught:
        operate(scene, two_nodes)
    assert caught.value.reason == "python_missing"
    assert two_nodes.leftovers == []
