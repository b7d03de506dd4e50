"""What every launcher must do alike: the same outputs, and the same failures for the same code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import numpy as np
import pytest

from gitstore.errors import (
    CodeTerminated,
    InvalidInput,
    InvalidOutput,
    MaxDurationExceeded,
    ModelException,
    OperationFailed,
)
from gitstore.launchers.client import WarmLauncher
from gitstore.launchers.directory import LauncherDirectory
from gitstore.launchers.ray.launcher import RayLauncher
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run.evaluation import SnapshotLauncher
from tests.support import combinations
from tests.support.launchers import serving
from tests.support.models import make, take, user_conditions, user_launcher
from tests.support.ray_cluster import RayCluster

OpenLauncher = Callable[[Snapshot], AbstractContextManager[SnapshotLauncher]]

ONE = {"values": np.array([1.0, 2.5])}


def local(_: Snapshot) -> AbstractContextManager[SnapshotLauncher]:
    return nullcontext(user_launcher())


@contextmanager
def warm(snapshot: Snapshot) -> Iterator[SnapshotLauncher]:
    directory = LauncherDirectory(snapshot.repository.directory.parent / "launchers")
    with serving(directory, snapshot):
        yield WarmLauncher(directory)


@pytest.fixture(params=["local", "warm", pytest.param("ray", marks=pytest.mark.only_with("ray"))])
def open_launcher(request: pytest.FixtureRequest) -> OpenLauncher:
    if request.param == "ray":
        cluster: RayCluster = request.getfixturevalue("two_nodes")
        return lambda _: nullcontext(RayLauncher(cluster.address, user_conditions()))
    return {"local": local, "warm": warm}[request.param]


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return make(tmp_path / "digits")


def snapshot_of(
    model: Model, *, init: str = "pass", evaluate: str = "return {'products': values * 2}"
) -> Snapshot:
    """A snapshot of code with these two statements, which may take half a second for a phase."""
    (model.directory / "code" / "model.py").write_text(
        "import os, signal, sys, time\nimport numpy as np\n\n\nclass Model:\n"
        f"    def __init__(self, state):\n        {init}\n\n"
        f"    def evaluate(self, values):\n        {evaluate}\n"
    )
    path = model.directory / "settings.yaml"
    path.write_text(path.read_text() + "max_durations: {evaluate: 500ms, instantiate_model: 5s}\n")
    return take(Model.open(model.directory), "v1")


def test_outputs_and_durations(model: Model, open_launcher: OpenLauncher) -> None:
    snapshot = snapshot_of(model)
    with open_launcher(snapshot) as launcher:
        for _ in range(2):
            evaluated = launcher.evaluate(snapshot, ONE)
            assert evaluated.outputs["products"].tolist() == [2.0, 5.0]
            assert {"evaluate", "total"} <= evaluated.durations.keys()
            assert evaluated.workplace.python.is_file()


def test_inputs_that_do_not_fit_run_nothing(model: Model, open_launcher: OpenLauncher) -> None:
    snapshot = snapshot_of(model, evaluate="os._exit(1)")
    with open_launcher(snapshot) as launcher:
        for inputs in ({"other": np.array([1.0])}, {"values": np.array([[1.0]])}, {}):
            with pytest.raises(InvalidInput):
                launcher.evaluate(snapshot, inputs)


FAILURES: dict[str, tuple[type[OperationFailed], dict[str, object]]] = {
    "raise ValueError('no')": (ModelException, {}),
    "raise BaseException('no')": (ModelException, {}),
    "raise MemoryError": (ModelException, {}),
    "time.sleep(60)": (MaxDurationExceeded, {}),
    "os._exit(3)": (CodeTerminated, {"exit_code": 3, "signal": None}),
    "sys.exit(4)": (CodeTerminated, {"exit_code": 4, "signal": None}),
    "os.kill(os.getpid(), signal.SIGKILL)": (CodeTerminated, {"exit_code": None, "signal": 9}),
    "return {'other': values}": (InvalidOutput, {}),
    "return {'products': 'text'}": (InvalidOutput, {}),
    "return {'products': values.reshape(1, -1)}": (InvalidOutput, {}),
    "return {'products': object()}": (InvalidOutput, {}),
    "return None": (InvalidOutput, {}),
}


@combinations.sample(5)
@pytest.mark.parametrize("statement", FAILURES)
def test_failures_of_evaluate(model: Model, open_launcher: OpenLauncher, statement: str) -> None:
    error, details = FAILURES[statement]
    snapshot = snapshot_of(
        model, evaluate=f"if values[0] == 7: return {{'products': values}}\n        {statement}"
    )
    with open_launcher(snapshot) as launcher:
        with pytest.raises(OperationFailed) as caught:
            launcher.evaluate(snapshot, ONE)
        assert type(caught.value) is error
        assert caught.value.phase == "evaluate"
        assert details.items() <= caught.value.details().items()
        seven = {"values": np.array([7.0])}
        assert launcher.evaluate(snapshot, seven).outputs["products"].tolist() == [7.0]


def test_a_model_that_cannot_be_instantiated(model: Model, open_launcher: OpenLauncher) -> None:
    snapshot = snapshot_of(model, init="raise ValueError('no')")
    with pytest.raises(ModelException) as caught, open_launcher(snapshot) as launcher:
        launcher.evaluate(snapshot, ONE)
    assert caught.value.phase == "instantiate_model"
