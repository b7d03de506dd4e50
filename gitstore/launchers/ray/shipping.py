"""Sending a snapshot to a node that needs it: exactly its own objects, in blocks, each once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import chain
from typing import Any

from gitstore.launchers.ray import cluster, packs, remote
from gitstore.launchers.ray.cluster import load_ray
from gitstore.launchers.ray.node import NodeTask
from gitstore.models.snapshot import Snapshot
from gitstore.objects.walk import walk
from gitstore.packs.oid import Oid
from gitstore.progress import Progress

_IN_FLIGHT = 2
"""The blocks that are on their way. They and one more are all that is in memory."""


def list_objects(snapshot: Snapshot) -> list[Oid]:
    """Return the tag, the commit, and all that its tree has. The history is not part of it."""
    tree = walk(snapshot.repository.objects, [snapshot.tree], lambda _: True)
    return [snapshot.tag_oid, snapshot.commit, *tree]


class Shipment:
    """The pack of one snapshot, on its way to the nodes that need it."""

    def __init__(self, snapshot: Snapshot, task: NodeTask, *, progress: Progress) -> None:
        self._snapshot = snapshot
        self._task = task
        self._progress = progress

    def send(self, node: str) -> bytes | None:
        """Put the snapshot into the cache of a node; a small one is returned, to be sent with the task.

        Raises `Corrupt` if an object is missing or damaged, here or there, and errors of Ray.
        """
        blocks = packs.read_pack(self._snapshot.repository, list_objects(self._snapshot))
        try:
            first = next(blocks, b"")
            second = next(blocks, None)
            if second is None:
                self._progress(len(first))
                return first
            self._send(chain([first, second], blocks), node)
        finally:
            blocks.close()
        return None

    def _send(self, blocks: Iterator[bytes], node: str) -> None:
        ray = load_ray()
        place = cluster.place_on(node)
        receiver = remote.make_receiver().options(scheduling_strategy=place).remote(self._task.encode())
        try:
            if _check(ray.get(receiver.begin.remote())):
                self._send_blocks(receiver, blocks)
        finally:
            ray.kill(receiver)

    def _send_blocks(self, receiver: Any, blocks: Iterator[bytes]) -> None:
        ray = load_ray()
        waiting: deque[tuple[Any, int]] = deque()

        def settle(most: int) -> None:
            while len(waiting) > most:
                answer, size = waiting.popleft()
                _check(ray.get(answer))
                self._progress(size)

        for block in blocks:
            waiting.append((receiver.add.remote(block), len(block)))
            settle(_IN_FLIGHT - 1)
        settle(0)
        _check(ray.get(receiver.finish.remote()))


def _check(answer: Any) -> Any:
    """Return an answer of a receiver, or raise the error that it is."""
    if isinstance(answer, Exception):
        raise answer
    return answer
