"""Evaluations on a cluster of two nodes: where they run, what travels, how they end, and what they leave."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import gitstore
from gitstore.errors import Cancelled, CodeTerminated, GitstoreError, LauncherTerminated, ModelException
from gitstore.launchers.ray.launcher import RayLauncher
from gitstore.launchers.ray.packs import BLOCK
from gitstore.launchers.ray.resources import ImpossibleDemand
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run.interrupts import Interrupts
from gitstore.sandbox.choice import Sandbox
from tests.support import ray_cluster
from tests.support.commands import git
from tests.support.models import again, make, noise, put, take, user_conditions
from tests.support.ray_cluster import RayCluster

on_ray = pytest.mark.only_with("ray")

ONE = {"values": np.array([1.0, 2.5])}
PATIENCE = 30.0


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return make(tmp_path / "digits")


def launcher_of(cluster: RayCluster, sandbox: Sandbox | None = None) -> RayLauncher:
    conditions = user_conditions()
    return RayLauncher(cluster.address, replace(conditions, sandbox=sandbox or conditions.sandbox))


def snapshot_of(model: Model, evaluate: str, *, launcher: str = "cpus: 1") -> Snapshot:
    """A snapshot of code with this statement, for which a node needs these resources."""
    (model.directory / "code" / "model.py").write_text(
        "import hashlib, os, subprocess, sys, time\nfrom pathlib import Path\nimport numpy as np\n"
        "\n\nclass Model:\n"
        "    def __init__(self, state):\n        self.state = state\n\n"
        f"    def evaluate(self, values):\n        {evaluate}\n        return {{'products': values * 2}}\n"
    )
    path = model.directory / "settings.yaml"
    path.write_text(path.read_text() + f"default_launchers: {{evaluate: {{{launcher}}}}}\n")
    return take(again(model), "v1")


def eventually(check: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not check():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


@on_ray
def test_an_evaluation_a_failure_and_a_refusal(
    model: Model, two_nodes: RayCluster, capfd: pytest.CaptureFixture[str]
) -> None:
    snapshot = snapshot_of(model, "print('seen'); assert values[0] == 1, 'no'")
    launcher, sent = launcher_of(two_nodes), list[int]()
    for _ in range(3):
        evaluated = launcher.evaluate(snapshot, ONE, progress=sent.append)
        assert evaluated.outputs["products"].tolist() == [2.0, 5.0]
        evaluated.outputs["products"][0] = 7  # ours, and no longer Ray's
    assert len(sent) <= 2  # once for each node
    assert capfd.readouterr().err.count("seen") == 3
    with pytest.raises(ModelException, match="AssertionError: no") as caught:
        launcher.evaluate(snapshot, {"values": np.array([2.0])})
    assert "model.py" in caught.value.traceback
    with pytest.raises(ImpossibleDemand, match="64 cores") as refused:
        launcher_of(two_nodes, Sandbox(off=True, cpus=64)).evaluate(snapshot, ONE)
    assert len(refused.value.details()["nodes"]) == 2
    assert two_nodes.leftovers == []


@on_ray
def test_a_snapshot_reaches_a_node_once(model: Model, two_nodes: RayCluster) -> None:
    """Two tasks at once run on both nodes, and then nothing travels any more."""
    snapshot = snapshot_of(model, "time.sleep(2)")
    sent: list[int] = []
    with ThreadPoolExecutor(2) as pool:

        def evaluate(_: int) -> Path:
            return launcher_of(two_nodes).evaluate(snapshot, ONE, progress=sent.append).workplace.python

        places = set(pool.map(evaluate, range(2)))
        assert len(places) == len(sent) == 2
        kinds = [{entry.kind for entry in node.cache.list_entries()} for node in two_nodes.nodes]
        assert kinds == [{"snapshot", "code", "state"}] * 2
        list(pool.map(evaluate, range(2)))
    assert len(sent) == 2


@on_ray
def test_two_tasks_on_one_node_receive_a_snapshot_once(model: Model, two_nodes: RayCluster) -> None:
    weights = noise(3 * BLOCK)
    put(model, "initial", {"weights": weights})
    snapshot = snapshot_of(model, "time.sleep(1)", launcher="cpus: 0.25")
    sent: list[int] = []
    with ThreadPoolExecutor(4) as pool:
        list(
            pool.map(lambda _: launcher_of(two_nodes).evaluate(snapshot, ONE, progress=sent.append), range(4))
        )
    holders = sum(
        any(entry.oid == snapshot.tag_oid for entry in node.cache.list_entries()) for node in two_nodes.nodes
    )
    assert 0 <= sum(sent) - holders * len(weights) < holders * 64 * 1024
    assert two_nodes.leftovers == []


@on_ray
def test_what_travels_is_the_snapshot_alone(model: Model, two_nodes: RayCluster) -> None:
    """Neither the history, nor other states. The weights come in blocks, each byte of them once."""
    weights = noise(2 * BLOCK + 12345)
    put(model, "other", {"weights": noise(BLOCK, seed=1)})
    put(model, "initial", {"weights": weights, "a/b.txt": b"small"})
    statement = "assert hashlib.sha1((Path(self.state) / 'weights').read_bytes()).digest()[0] == values[0]"
    snapshot = snapshot_of(model, statement)
    sent: list[int] = []
    first = float(hashlib.sha1(weights).digest()[0])
    launcher_of(two_nodes).evaluate(snapshot, {"values": np.array([first])}, progress=sent.append)
    assert max(sent) == BLOCK
    assert len(weights) < sum(sent) < len(weights) + 64 * 1024
    entry = next(
        entry
        for node in two_nodes.nodes
        for entry in node.cache.list_entries()
        if entry.oid == snapshot.tag_oid
    )
    assert ray_cluster.list_objects(entry.files) == sorted(ray_cluster.list_tree(snapshot))
    assert entry.size > len(weights)


@on_ray
def test_a_snapshot_that_was_changed_on_a_node_is_sent_again(model: Model, two_nodes: RayCluster) -> None:
    snapshot = snapshot_of(model, "pass")
    sent: list[int] = []
    launcher = launcher_of(two_nodes)
    launcher.evaluate(snapshot, ONE, progress=sent.append)
    for node in two_nodes.nodes:
        for entry in node.cache.list_entries():
            for path in entry.files.glob("objects/pack/*.pack"):
                path.chmod(0o644)
                path.write_bytes(b"damaged")
    launcher.evaluate(snapshot, ONE, progress=sent.append)
    assert len(sent) == 2


@on_ray
def test_an_interrupt_ends_the_model_and_leaves_nothing(model: Model, two_nodes: RayCluster) -> None:
    snapshot = snapshot_of(model, "subprocess.Popen(['sleep', '1000']); time.sleep(1000 * (values[0] == 7))")
    interrupts = Interrupts()
    launcher = replace(launcher_of(two_nodes), interrupts=interrupts)
    with ThreadPoolExecutor(1) as pool:
        evaluation = pool.submit(launcher.evaluate, snapshot, {"values": np.array([7.0])})
        assert eventually(lambda: any(node.workers for node in two_nodes.nodes))
        interrupts.add()
        assert isinstance(evaluation.exception(PATIENCE), Cancelled)
    assert two_nodes.leftovers == []
    launcher_of(two_nodes).evaluate(snapshot, ONE)  # the core is free again


@on_ray
def test_an_interrupt_ends_a_wait_for_busy_nodes(model: Model, two_nodes: RayCluster) -> None:
    snapshot = snapshot_of(model, "time.sleep(6)")
    interrupts = Interrupts()
    with ThreadPoolExecutor(3) as pool:
        busy = [pool.submit(launcher_of(two_nodes).evaluate, snapshot, ONE) for _ in range(2)]
        waiting = pool.submit(replace(launcher_of(two_nodes), interrupts=interrupts).evaluate, snapshot, ONE)
        time.sleep(1)
        interrupts.add()
        assert isinstance(waiting.exception(PATIENCE), Cancelled)
        for evaluation in busy:
            evaluation.result(2 * PATIENCE)


@on_ray
def test_an_interrupt_while_a_snapshot_is_sent(model: Model, two_nodes: RayCluster) -> None:
    put(model, "initial", {"weights": noise(4 * BLOCK)})
    snapshot = snapshot_of(model, "pass")
    launcher = replace(launcher_of(two_nodes), interrupts=Interrupts())
    sent: list[int] = []

    def interrupt(size: int) -> None:
        sent.append(size)
        launcher.interrupts.add()

    with pytest.raises(Cancelled):
        launcher.evaluate(snapshot, ONE, progress=interrupt)
    assert 0 < sum(sent) < 4 * BLOCK
    assert two_nodes.leftovers == []
    held = {entry.oid for node in two_nodes.nodes for entry in node.cache.list_entries()}
    assert snapshot.tag_oid not in held
    launcher_of(two_nodes).evaluate(snapshot, ONE)


@on_ray
def test_limits_are_those_of_the_sandbox_on_the_node(model: Model, two_nodes: RayCluster) -> None:
    snapshot = snapshot_of(model, "ones = np.ones(1 << 27) if values[0] == 7 else None")
    launcher = launcher_of(two_nodes, Sandbox(off=False, memory=200 << 20))
    with pytest.raises(CodeTerminated) as caught:
        launcher.evaluate(snapshot, {"values": np.array([7.0])})
    assert (caught.value.oom, caught.value.phase) == (True, "evaluate")
    evaluated = launcher.evaluate(snapshot, ONE)
    assert (evaluated.sandbox["kind"], evaluated.sandbox["memory"]) == ("bubblewrap", 200 << 20)
    assert two_nodes.leftovers == []


@on_ray
def test_the_command_and_ctrl_c(model: Model, two_nodes: RayCluster) -> None:
    """Ctrl-C ends it when the model has ended. Ray itself says nothing."""
    snapshot_of(model, "time.sleep(1000 * (values[0] == 7)); print('seen')", launcher="engine: ray")
    git("config", "--global", "gitstore.rayAddress", two_nodes.address, cwd=model.directory)
    command = [sys.executable, "-m", "gitstore", "evaluate", "v1", "-p"]
    evaluated = subprocess.run(
        [*command, "values=[1]"], cwd=model.directory, capture_output=True, text=True, check=True
    )
    assert (json.loads(evaluated.stdout), evaluated.stderr) == ({"products": [2.0]}, "seen\n")
    process = subprocess.Popen([*command, "values=[7]"], cwd=model.directory, stderr=subprocess.PIPE)
    assert eventually(lambda: any(node.workers for node in two_nodes.nodes))
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=PATIENCE)
    assert (process.returncode, b"Traceback" in printed) == (130, False)
    assert two_nodes.leftovers == []


@on_ray
def test_a_task_that_is_killed(model: Model, two_nodes: RayCluster) -> None:
    """The guardian notices that, and ends the model."""
    snapshot = snapshot_of(model, "time.sleep(1000)")
    with ThreadPoolExecutor(1) as pool:
        evaluation = pool.submit(launcher_of(two_nodes).evaluate, snapshot, ONE)
        assert eventually(lambda: two_nodes.kill_tasks() != [])
        error = evaluation.exception(PATIENCE)
    assert isinstance(error, LauncherTerminated)
    assert error.phase == "evaluate"
    assert eventually(lambda: two_nodes.leftovers == [])


@on_ray
def test_inputs_and_outputs_that_are_larger_than_a_message(model: Model, two_nodes: RayCluster) -> None:
    values = np.random.default_rng(0).random(3_000_000)
    evaluated = launcher_of(two_nodes).evaluate(snapshot_of(model, "pass"), {"values": values})
    assert np.array_equal(evaluated.outputs["products"], values * 2)


@on_ray
def test_a_node_that_dies_and_gpus(model: Model) -> None:
    """The second node alone has GPUs, as far as Ray knows, so the task runs there."""
    statement = (
        "Path(os.environ['XDG_CACHE_HOME'], 'started').write_text(os.environ['CUDA_VISIBLE_DEVICES'])"
        "; time.sleep(1000)"
    )
    snapshot = snapshot_of(model, statement, launcher="gpus: {count: 1}")
    with ray_cluster.running(1) as cluster:
        launcher = launcher_of(cluster)
        with pytest.raises(ImpossibleDemand, match="1 GPUs"):
            launcher.evaluate(snapshot, ONE)
        node = cluster.start_node(options=("--num-gpus=1",))
        started = node.caches / "started"
        with ThreadPoolExecutor(1) as pool:
            assert eventually(cluster.has_two_nodes)
            evaluation = pool.submit(launcher.evaluate, snapshot, ONE)
            assert eventually(lambda: started.exists() and started.read_text() == "0")
            node.kill()
            error = evaluation.exception(PATIENCE)
        assert isinstance(error, LauncherTerminated)


@on_ray
@pytest.mark.parametrize("version", [None, "0.0.1"])
def test_another_gitstore_on_the_node(model: Model, tmp_path: Path, version: str | None) -> None:
    other = tmp_path / "other"
    other.mkdir()
    module = (
        "None"
        if version is None
        else f"type(sys)('gitstore'); sys.modules['gitstore'].__version__ = {version!r}"
    )
    # Ray lets workers import what is in our current directory, so a package in another one would not do.
    (other / "sitecustomize.py").write_text(f"import sys; sys.modules['gitstore'] = {module}\n")
    snapshot = snapshot_of(model, "pass")
    with ray_cluster.running(1, variables={"PYTHONPATH": str(other)}) as cluster:
        launcher = launcher_of(cluster)
        for evaluate in (lambda: launcher.evaluate(snapshot, ONE), lambda: _open(launcher, snapshot)):
            with pytest.raises(GitstoreError) as caught:
                evaluate()
            assert type(caught.value) is GitstoreError
            assert gitstore.__version__ in caught.value.message
            assert (version or "no gitstore") in caught.value.message
            assert "pip install" in (caught.value.hint or "")


def _open(launcher: RayLauncher, snapshot: Snapshot) -> None:
    with launcher.open_warm(snapshot):
        pass
