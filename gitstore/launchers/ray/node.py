"""What runs on a node of a cluster: the same supervisor as elsewhere, from a snapshot that was sent there.

A node keeps each snapshot in its user's cache, as a bare repository of the snapshot's own objects. The task
comes as bytes, so that a node without gitstore can say that it has none.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gitstore.errors import Corrupt, GitstoreError
from gitstore.git import process as git
from gitstore.git.repository import Repository
from gitstore.launchers.ray import cluster, packs, reports
from gitstore.models import snapshot as snapshots
from gitstore.models.snapshot import Snapshot
from gitstore.objects.walk import walk
from gitstore.packs.oid import Oid
from gitstore.run.cache.cache import Cache
from gitstore.run.conditions import Conditions, find_conditions
from gitstore.run.engines import RAY
from gitstore.run.evaluation import LocalLauncher
from gitstore.run.interrupts import Interrupts
from gitstore.run.supervisor import Evaluation
from gitstore.run.worker.tensors import Value
from gitstore.sandbox.choice import Sandbox


@dataclass(frozen=True)
class NodeTask:
    """The snapshot to evaluate, and what the caller chose: a ref and the id of the tag there."""

    ref: str
    tag: Oid
    sandbox: Sandbox
    unlocked: bool

    def encode(self) -> bytes:
        """Return it as bytes, for `decode`."""
        return pickle.dumps(self)

    @staticmethod
    def decode(encoded: bytes) -> NodeTask:
        """Return the task that a caller with the same gitstore has encoded."""
        task: NodeTask = pickle.loads(encoded)  # noqa: S301 - Ray itself runs what its callers send
        return task


class SnapshotMissing(GitstoreError):
    """The node does not have the snapshot. `node` is the node's id."""

    def __init__(self, node: str) -> None:
        super().__init__(f"the node {node} does not have the snapshot")
        self.node = node


def evaluate(encoded: bytes, inputs: Mapping[str, Value], *, pack: bytes | None) -> Iterator[Any]:
    """Evaluate a snapshot. Yield what the model prints, and then its Evaluation, or a GitstoreError.

    `pack` has the objects of the snapshot, unless the node has them. KeyboardInterrupt ends the model.
    """
    task = NodeTask.decode(encoded)

    def work(interrupts: Interrupts, output: int) -> Evaluation:
        conditions = find_node_conditions(task, output=output)
        with open_snapshot(conditions.cache, task, pack) as snapshot:
            return strip(LocalLauncher(conditions, interrupts).evaluate(snapshot, inputs))

    yield from reports.report(work)


def find_node_conditions(task: NodeTask, *, output: int) -> Conditions:
    """Return the conditions of this node's user, with the sandbox that the caller chose."""
    conditions = find_conditions(Path("/"), task.sandbox, unlocked=task.unlocked)
    return replace(conditions, engine=RAY, output=output)


def strip(evaluation: Evaluation) -> Evaluation:
    """Return an evaluation without what only has a meaning in this process."""
    workplace = evaluation.workplace
    return replace(evaluation, workplace=replace(workplace, output=type(workplace).output))


@contextmanager
def open_snapshot(cache: Cache, task: NodeTask, pack: bytes | None) -> Iterator[Snapshot]:
    """Provide the snapshot of a task from the cache. Raises `SnapshotMissing` if it needs `pack`."""

    def fill(directory: Path) -> None:
        if pack is None:
            raise SnapshotMissing(cluster.find_own_node())
        fill_repository(directory, task, [pack])

    with cache.open_snapshot(task.tag, fill) as directory:
        yield _read(Repository(directory), task)


def fill_repository(directory: Path, task: NodeTask, blocks: Iterable[bytes]) -> None:
    """Make a repository that has a snapshot, whose objects come as a pack. Raises `Corrupt`."""
    git.run("init", "--quiet", "--bare", *git.FORMAT, "--template=", str(directory), cwd=directory)
    repository = Repository(directory)
    packs.write_pack(repository, blocks)
    snapshot = _read(repository, task)
    for oid in walk(repository.objects, [snapshot.tree], lambda _: True):
        if oid not in repository.objects:
            raise Corrupt(f"{snapshot.full_name} arrived without object {oid}")
    # The history of the commit stays where it is.
    (directory / "shallow").write_text(f"{snapshot.commit}\n")
    repository.git("update-ref", task.ref, str(task.tag))


def _read(repository: Repository, task: NodeTask) -> Snapshot:
    snapshot = snapshots.read(repository, task.ref, task.tag)
    if snapshot is None:
        raise Corrupt(f"{task.ref} arrived as a tag that is no snapshot")
    return snapshot
