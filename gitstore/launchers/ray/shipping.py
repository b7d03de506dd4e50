"""Sending a snapshot to a node that needs it: exactly its own objects, in blocks, each once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from typing import Any

from gitstore.errors import Cancelled
from gitstore.launchers.ray import cluster, packs, remote
from gitstore.launchers.ray.cluster import load_ray
from gitstore.launchers.ray.following import GRACE, TICK
from gitstore.launchers.ray.node import NodeTask
from gitstore.models.snapshot import Snapshot
from gitstore.objects.walk import walk
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.run.interrupts import Interrupts

_IN_FLIGHT = 2
"""The blocks that are on their way. They and one more are all that is in memory."""


def list_objects(snapshot: Snapshot) -> list[Oid]:
    """Return the tag, the commit, and all that its tree has. The history is not part of it.

    What a partial clone lacks is fetched.
    """
    objects = snapshot.repository.objects
    tree = list(walk(objects, [snapshot.tree], lambda _: True))
    objects.provide(tree)
    return [snapshot.tag_oid, snapshot.commit, *tree]


class Shipment:
    """The pack of one snapshot, on its way to the nodes that need it."""

    def __init__(
        self, snapshot: Snapshot, task: NodeTask, *, progress: Progress, interrupts: Interrupts
    ) -> None:
        self._snapshot = snapshot
        self._task = task
        self._progress = progress
        self._interrupts = interrupts

    def send(self, node: str) -> bytes | None:
        """Put the snapshot into the cache of a node; a small one is returned, to be sent with the task.

        Raises `Corrupt` if an object is missing or damaged, here or there, errors of Ray, and Cancelled.
        Nothing is left of a snapshot that was not sent completely.
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
            if _check(self._wait(receiver.begin.remote())):
                self._send_blocks(receiver, blocks)
        except BaseException:
            with suppress(ray.exceptions.RayError):
                ray.wait([receiver.abandon.remote()], timeout=GRACE)
            raise
        finally:
            ray.kill(receiver)

    def _wait(self, reference: Any) -> Any:
        """Wait for an answer. Raises Cancelled after an interrupt."""
        ray = load_ray()
        while True:
            if self._interrupts.count:
                raise Cancelled("evaluate: cancelled")
            if ray.wait([reference], timeout=TICK)[0]:
                return ray.get(reference)

    def _send_blocks(self, receiver: Any, blocks: Iterator[bytes]) -> None:
        waiting: deque[tuple[Any, int]] = deque()

        def settle(most: int) -> None:
            while len(waiting) > most:
                answer, size = waiting.popleft()
                _check(self._wait(answer))
                self._progress(size)

        for block in blocks:
            waiting.append((receiver.add.remote(block), len(block)))
            settle(_IN_FLIGHT - 1)
        settle(0)
        _check(self._wait(receiver.finish.remote()))


def _check(answer: Any) -> Any:
    """Return an answer of a receiver, or raise the error that it is."""
    if isinstance(answer, Exception):
        raise answer
    return answer
