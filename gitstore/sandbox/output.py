"""What a worker prints: copied to standard error as it comes, and the end of it kept.

The worker gets a pipe, so it has no descriptor of the user's terminal or file. A worker that prints gigabytes
neither fills memory, nor waits for a slow terminal longer than a second in all. What a slow reader misses is
counted and said.
"""

from __future__ import annotations

import fcntl
import os
import select
import threading
import time
from contextlib import suppress

from gitstore.sandbox.display import Display

KEPT = 1 << 20
"""The bytes that are kept of the end of the output."""

STANDARD_ERROR = 2
_BLOCK = 1 << 18
_PATIENCE = 1.0
"""The most seconds that a slow reader delays a worker, and again the end of an operation."""


class Output:
    """The output of one worker, which is copied to the descriptor `target`.

    `descriptor` is the worker's end of the pipe, which the caller closes by `start`.
    """

    def __init__(self, target: int = STANDARD_ERROR) -> None:
        self._target = target
        self._reader, self.descriptor = os.pipe()
        with suppress(AttributeError, OSError):
            fcntl.fcntl(self.descriptor, fcntl.F_SETPIPE_SZ, _BLOCK)  # not on macOS, not in old versions
        self._tail = bytearray()
        self._thread = threading.Thread(target=self._pump, name="gitstore-output", daemon=True)

    def start(self) -> None:
        """Copy from now on. Only the worker has the other end then."""
        os.close(self.descriptor)
        self._thread.start()

    def abandon(self) -> None:
        """Close both ends, if no worker was started."""
        os.close(self.descriptor)
        os.close(self._reader)

    def close(self) -> None:
        """Wait until everything is copied. No process may have the other end any more. Idempotent."""
        self._thread.join(10 * _PATIENCE)

    @property
    def tail(self) -> bytes:
        """The last bytes of the output, at most `KEPT`. They may hold anything."""
        return bytes(self._tail[-KEPT:])

    def _pump(self) -> None:
        display, patience, deadline = Display(self._target), _PATIENCE, None
        while deadline is None or (display.is_pending and time.monotonic() < deadline):
            start, waits = time.monotonic(), display.is_full and patience > 0
            poll = select.poll()
            if deadline is None and not waits:
                poll.register(self._reader, select.POLLIN)
            if display.is_pending:
                poll.register(display.descriptor, select.POLLOUT)
            events = dict(poll.poll((patience if waits else _PATIENCE) * 1000))
            if waits:
                patience -= time.monotonic() - start
            if display.descriptor in events:
                display.show(events[display.descriptor])
            if self._reader in events:
                block = os.read(self._reader, _BLOCK)
                self._keep(block)
                display.add(block)
                deadline = None if block else time.monotonic() + _PATIENCE
        display.close()
        os.close(self._reader)

    def _keep(self, block: bytes) -> None:
        self._tail += block
        if len(self._tail) > 2 * KEPT:
            del self._tail[:-KEPT]
