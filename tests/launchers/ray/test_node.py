"""A snapshot that arrives on a node as a pack, without a cluster."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.launchers.ray import packs
from gitstore.launchers.ray.node import NodeTask, fill_repository, open_snapshot
from gitstore.launchers.ray.shipping import list_objects
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run.cache.cache import Cache
from gitstore.run.cache.check import check_cache
from gitstore.sandbox.choice import Sandbox
from tests.support.models import change, noise, put, take
from tests.support.ray_cluster import list_objects as list_stored
from tests.support.ray_cluster import list_tree


@pytest.fixture
def snapshot(model: Model) -> Snapshot:
    put(model, "other", {"weights": noise(1000, seed=1)})
    take(model, "v0")
    change(model)
    put(model, "initial", {"weights": noise(packs.BLOCK + 1)})
    return take(model, "v1")


def task_of(snapshot: Snapshot) -> NodeTask:
    task = NodeTask(snapshot.ref, snapshot.tag_oid, Sandbox(off=True), unlocked=False)
    assert NodeTask.decode(task.encode()) == task
    return task


def blocks_of(snapshot: Snapshot) -> list[bytes]:
    return list(packs.read_pack(snapshot.repository, list_objects(snapshot)))


def test_it_is_the_same_snapshot_without_its_history(snapshot: Snapshot, tmp_path: Path) -> None:
    cache, blocks = Cache(tmp_path / "cache"), blocks_of(snapshot)
    assert [len(block) == packs.BLOCK for block in blocks] == [True, False]
    with cache.open_snapshot(
        snapshot.tag_oid, lambda directory: fill_repository(directory, task_of(snapshot), blocks)
    ) as directory:
        assert list_stored(directory) == sorted(list_tree(snapshot))
    with open_snapshot(cache, task_of(snapshot), None) as arrived:
        assert (arrived.name, arrived.tree, arrived.settings) == (
            snapshot.name,
            snapshot.tree,
            snapshot.settings,
        )
        with cache.open_state(arrived.repository, arrived.state_tree) as state:
            assert (state / "weights").read_bytes() == noise(packs.BLOCK + 1)


def test_the_cache_counts_it_and_empties_it(snapshot: Snapshot, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with open_snapshot(cache, task_of(snapshot), b"".join(blocks_of(snapshot))):
        assert cache.clear().in_use == 1
    assert cache.measure_use(snapshot.repository).repository > packs.BLOCK
    assert check_cache(cache, snapshot.repository) == []
    assert [item.name for item in cache.clear().removed] == [f"snapshot-{snapshot.tag_oid}"]
    assert os.listdir(cache.directory) == []


def test_it_makes_room(snapshot: Snapshot, tmp_path: Path) -> None:
    """As any entry does: the least recently used one goes."""
    cache = Cache(tmp_path / "cache", limit=packs.BLOCK)
    with cache.open_state(snapshot.repository, snapshot.state_tree):
        pass
    with open_snapshot(cache, task_of(snapshot), b"".join(blocks_of(snapshot))):
        assert [entry.kind for entry in cache.list_entries()] == ["snapshot"]


@pytest.mark.parametrize("damage", ["cut", "bit", "tree", "empty"])
def test_what_is_damaged_leaves_nothing(snapshot: Snapshot, tmp_path: Path, damage: str) -> None:
    pack = bytearray(b"".join(blocks_of(snapshot)))
    if damage == "cut":
        del pack[-100:]
    elif damage == "bit":
        pack[len(pack) // 2] ^= 1
    elif damage == "empty":
        pack.clear()
    else:
        oids = [oid for oid in list_objects(snapshot) if oid != snapshot.state_tree]
        pack = bytearray(b"".join(packs.read_pack(snapshot.repository, oids)))
    cache = Cache(tmp_path / "cache")
    with pytest.raises(Corrupt), open_snapshot(cache, task_of(snapshot), bytes(pack)):
        pass
    assert list(cache.directory.glob("*/*")) == []


def test_two_at_once_receive_it_once(snapshot: Snapshot, tmp_path: Path) -> None:
    cache, blocks, filled = Cache(tmp_path / "cache"), blocks_of(snapshot), list[int]()
    together = threading.Barrier(2)

    def receive(number: int) -> None:
        def send() -> Iterator[bytes]:
            filled.append(number)
            yield from blocks

        together.wait()
        with cache.open_snapshot(
            snapshot.tag_oid, lambda directory: fill_repository(directory, task_of(snapshot), send())
        ):
            pass

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(receive, range(2)))
    assert len(filled) == 1


def test_an_object_that_is_missing_here(snapshot: Snapshot) -> None:
    for path in (snapshot.repository.common / "objects" / "pack").glob("*.pack"):
        path.chmod(0o644)
        path.write_bytes(b"")
    with pytest.raises(Corrupt):
        blocks_of(snapshot)
