"""Warm models on nodes of a cluster."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gitstore.errors import (
    Cancelled,
    CodeTerminated,
    InvalidInput,
    LauncherTerminated,
    ModelException,
)
from gitstore.models.model import Model
from gitstore.run.interrupts import Interrupts
from tests.launchers.ray.test_launcher import ONE, PATIENCE, eventually, launcher_of, snapshot_of
from tests.support.models import again, make, noise, put, take
from tests.support.ray_cluster import RayCluster

pytestmark = pytest.mark.only_with("ray")

NUMBER = "self.number = getattr(self, 'number', 0) + 1; values = values * 0 + self.number"


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return make(tmp_path / "digits")


def test_it_stays_instantiated(
    model: Model, two_nodes: RayCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    snapshot = snapshot_of(model, f"print('seen'); {NUMBER}")
    with launcher_of(two_nodes).open_warm(snapshot) as warm:
        numbers = [warm.evaluate(ONE).outputs["products"][0] for _ in range(3)]
        assert numbers == [2.0, 4.0, 6.0]
        assert warm.is_alive
        with pytest.raises(InvalidInput):
            warm.evaluate({})
        assert warm.evaluate(ONE).outputs["products"][0] == 8.0
    with pytest.raises(LauncherTerminated):
        warm.evaluate(ONE)
    assert "seen" in capfd.readouterr().err
    assert two_nodes.leftovers == []


def test_failures_and_another_process_after_them(model: Model, two_nodes: RayCluster) -> None:
    snapshot = snapshot_of(model, f"assert values[0] != 3; os._exit(3) if values[0] == 4 else 0; {NUMBER}")
    with launcher_of(two_nodes).open_warm(snapshot) as warm:
        warm.evaluate(ONE)
        with pytest.raises(ModelException):
            warm.evaluate({"values": np.array([3.0])})
        assert warm.evaluate(ONE).outputs["products"][0] == 4.0
        with pytest.raises(CodeTerminated) as caught:
            warm.evaluate({"values": np.array([4.0])})
        assert caught.value.returncode == 3
        assert warm.evaluate(ONE).outputs["products"][0] == 2.0


def test_a_model_that_cannot_be_instantiated(model: Model, two_nodes: RayCluster) -> None:
    snapshot_of(model, "pass")
    code = model.directory / "code" / "model.py"
    code.write_text(code.read_text().replace("self.state = state", "raise ValueError('no')"))
    snapshot = take(again(model), "v2")
    with pytest.raises(ModelException) as caught, launcher_of(two_nodes).open_warm(snapshot):
        pass
    assert caught.value.phase == "instantiate_model"
    assert two_nodes.leftovers == []


def test_two_at_once_on_two_nodes_from_two_threads(model: Model, two_nodes: RayCluster) -> None:
    """A large snapshot travels to each node once, whoever asks."""
    put(model, "initial", {"weights": noise(10 << 20)})
    snapshot = snapshot_of(model, "pass")
    launcher = launcher_of(two_nodes)
    opened = threading.Barrier(2)
    sent: list[int] = []

    def work(_: int) -> str:
        with launcher.open_warm(snapshot, progress=sent.append) as warm:
            opened.wait(PATIENCE)
            return str(warm.evaluate(ONE).workplace.python)

    with ThreadPoolExecutor(2) as pool:
        assert len(set(pool.map(work, range(2)))) == 2
    assert 2 * (10 << 20) < sum(sent) < 2 * (11 << 20)


def test_an_interrupt(model: Model, two_nodes: RayCluster) -> None:
    snapshot = snapshot_of(model, "time.sleep(1000)")
    interrupts = Interrupts()
    with launcher_of(two_nodes).open_warm(snapshot, interrupts=interrupts) as warm:
        threading.Timer(1, interrupts.add).start()
        with pytest.raises(Cancelled):
            warm.evaluate(ONE)
        assert not warm.is_alive
    assert two_nodes.leftovers == []


def test_its_process_on_the_node_is_killed(model: Model, two_nodes: RayCluster) -> None:
    snapshot = snapshot_of(model, "time.sleep(1000)")
    with launcher_of(two_nodes).open_warm(snapshot) as warm:
        with ThreadPoolExecutor(1) as pool:
            evaluation = pool.submit(warm.evaluate, ONE)
            assert eventually(lambda: two_nodes.kill_tasks() != [])
            assert isinstance(evaluation.exception(PATIENCE), LauncherTerminated)
        assert not warm.is_alive
    assert eventually(lambda: two_nodes.leftovers == [])
