"""Batches on a real cluster of two nodes: both work, and one may be lost."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from gitstore.launchers.ray.cluster import disconnect, load_ray
from gitstore.launchers.ray.launcher import RayLauncher
from gitstore.models.snapshot import Snapshot
from tests.support import ray_cluster
from tests.support.batches import evaluate_batch, snapshot_of
from tests.support.models import user_conditions
from tests.support.ray_cluster import RayCluster

pytestmark = pytest.mark.only_with("ray")

ROWS = np.arange(40, dtype=np.float64).reshape(20, 2)

MEETS = """
    marks = Path({marks!r})
    (marks / f"{{os.environ['XDG_CACHE_HOME'].rpartition('/')[2]}}-{{int(values[0, 0])}}").touch()
    deadline = time.monotonic() + 60
    while len({{path.name[:5] for path in marks.iterdir()}}) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    {statement}
    return {{'products': values * 2}}
"""


def snapshot_that_meets(root: Path, statement: str = "pass") -> Snapshot:
    """A model that waits until it is evaluated on two nodes at once."""
    (root / "marks").mkdir()
    np.savez(root / "rows.npz", values=ROWS)
    return snapshot_of(root / "digits", MEETS.format(marks=str(root / "marks"), statement=statement))


def launch(cluster: RayCluster) -> RayLauncher:
    return RayLauncher(cluster.address, user_conditions())


def test_a_batch_on_two_nodes(tmp_path: Path, two_nodes: RayCluster) -> None:
    snapshot = snapshot_that_meets(tmp_path)
    assert launch(two_nodes).count_workers(snapshot) == 2
    result = evaluate_batch(
        snapshot, tmp_path / "rows.npz", tmp_path / "out", chunk=3, launcher=launch(two_nodes)
    )
    assert np.array_equal(np.load(tmp_path / "out" / "products.npy"), ROWS * 2)
    assert (result.chunks, result.workers, result.retries) == (7, 2, 0)
    assert {path.name[:5] for path in (tmp_path / "marks").iterdir()} == {"node0", "node1"}


def test_ctrl_c_frees_both_nodes(tmp_path: Path, two_nodes: RayCluster) -> None:
    snapshot = snapshot_that_meets(tmp_path, "time.sleep(50)")

    def interrupt() -> None:
        deadline = time.monotonic() + 60
        while len(list((tmp_path / "marks").iterdir())) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        evaluate_batch(
            snapshot, tmp_path / "rows.npz", tmp_path / "out", chunk=10, launcher=launch(two_nodes)
        )
    thread.join()
    assert not (tmp_path / "out").exists()
    deadline = time.monotonic() + 30
    while load_ray().available_resources().get("CPU") != 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_node_is_lost_in_the_middle(tmp_path: Path) -> None:
    """The other node evaluates all that is left, although nobody can take the place of the lost one."""
    snapshot = snapshot_that_meets(
        tmp_path, "time.sleep(50 if 'node1' in os.environ['XDG_CACHE_HOME'] else 0)"
    )
    disconnect()  # from the cluster of other tests
    with ray_cluster.running() as cluster:
        lost = cluster.nodes[1]

        def kill() -> None:
            deadline = time.monotonic() + 60
            while not list((tmp_path / "marks").glob(f"{lost.caches.name}-*")):
                assert time.monotonic() < deadline
                time.sleep(0.01)
            lost.kill()

        thread = threading.Thread(target=kill)
        thread.start()
        result = evaluate_batch(
            snapshot, tmp_path / "rows.npz", tmp_path / "out", chunk=2, launcher=launch(cluster)
        )
        thread.join()
    assert np.array_equal(np.load(tmp_path / "out" / "products.npy"), ROWS * 2)
    assert result.retries == 1
