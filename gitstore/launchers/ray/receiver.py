"""Receiving a snapshot that is too large for one message, on the node that needs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Full, Queue

from gitstore.errors import GitstoreError
from gitstore.launchers.ray.node import NodeTask, fill_repository, find_node_conditions
from gitstore.sandbox.output import STANDARD_ERROR

_MOST_WAITING = 2
_TICK = 0.1


class Receiver:
    """An actor of Ray that puts a snapshot into the cache of its node.

    One thread holds the locks of the cache, and writes what arrives. Each method returns an error, if there
    is one, since Ray would wrap it.
    """

    def __init__(self, encoded: bytes) -> None:
        self._task = NodeTask.decode(encoded)
        self._blocks: Queue[bytes | None] = Queue(_MOST_WAITING)
        self._is_needed = self._is_abandoned = False
        self._decided = threading.Event()
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._receive, name="gitstore-receiver", daemon=True)

    def begin(self) -> bool | Exception:
        """Return whether the snapshot is needed. If another process receives it, wait for that."""
        self._thread.start()
        self._decided.wait()
        return self._error or self._is_needed

    def add(self, block: bytes) -> Exception | None:
        """Take a block of the pack."""
        self._put(block)
        return self._error

    def finish(self) -> Exception | None:
        """Return when the snapshot is checked, and on disk."""
        self._put(None)
        self._thread.join()
        return self._error

    def abandon(self) -> None:
        """Return when nothing is left of a snapshot that was not sent completely."""
        self._is_abandoned = True
        self._put(None)
        self._thread.join()

    def _put(self, block: bytes | None) -> None:
        while self._thread.is_alive():
            try:
                self._blocks.put(block, timeout=_TICK)
            except Full:
                continue
            return

    def _receive(self) -> None:
        try:
            cache = find_node_conditions(self._task, output=STANDARD_ERROR).cache
            with cache.open_snapshot(self._task.tag, self._fill):
                pass
        except (GitstoreError, OSError) as error:
            self._error = error
        finally:
            self._decided.set()

    def _fill(self, directory: Path) -> None:
        self._is_needed = True
        self._decided.set()
        fill_repository(directory, self._task, self._take_blocks())

    def _take_blocks(self) -> Iterator[bytes]:
        while (block := self._blocks.get()) is not None:
            yield block
        if self._is_abandoned:
            raise GitstoreError("the snapshot was not sent completely")
