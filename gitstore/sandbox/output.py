"""What a worker prints: copied to standard error, or another descriptor, as it comes, and the end of it kept.

The worker gets a pipe, so it has no descriptor of the user's terminal or file. The pipe is always read: a
worker that prints gigabytes neither waits for a slow terminal, nor fills memory. What a slow reader misses is
counted and said.
"""

from __future__ import annotations

import codecs
import fcntl
import os
import select
import stat
import threading
import time
from contextlib import suppress

from gitstore.text import harmless

KEPT = 1 << 20
"""The bytes that are kept of the end of the output."""

STANDARD_ERROR = 2
_BLOCK = 1 << 18
_MOST_PENDING = 4 << 20
_PATIENCE = 1.0
"""The most seconds that a slow reader delays the end of an operation."""

_ATOMIC = 4096  # pipe(7): a pipe that is ready takes so many bytes at once


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
        self._pending = bytearray()
        self._unshown = 0
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
        is_terminal = os.isatty(self._target)
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        deadline = None
        poll = select.poll()
        poll.register(self._reader, select.POLLIN)
        while deadline is None or (self._pending and time.monotonic() < deadline):
            self._watch_target(poll)
            for descriptor, event in poll.poll(_PATIENCE * 1000):
                if descriptor == self._target:
                    self._show(event)
                    continue
                block = os.read(self._reader, _BLOCK)
                self._keep(block)
                if is_terminal:
                    # A lone \r only goes back to the start of the line: bars of progress are drawn with it.
                    text = decoder.decode(block, final=not block)
                    block_to_show = "\r".join(map(harmless, text.split("\r"))).encode()
                else:
                    block_to_show = block
                self._add(block_to_show)
                if not block:
                    poll.unregister(self._reader)
                    deadline = time.monotonic() + _PATIENCE
        os.close(self._reader)

    def _keep(self, block: bytes) -> None:
        self._tail += block
        if len(self._tail) > 2 * KEPT:
            del self._tail[:-KEPT]

    def _add(self, block: bytes) -> None:
        """Add to what is to be shown. If there is too much of it, the oldest is left out."""
        self._pending += block
        excess = len(self._pending) - _MOST_PENDING
        if excess > 0:
            del self._pending[:excess]
            self._unshown += excess

    def _watch_target(self, poll: select.poll) -> None:
        if self._pending:
            poll.register(self._target, select.POLLOUT)
        else:
            with suppress(KeyError):
                poll.unregister(self._target)

    def _show(self, event: int) -> None:
        """Write to the target what it takes without a wait."""
        if event & ~select.POLLOUT:  # closed, or its reader is gone
            self._pending.clear()
            return
        if self._unshown:
            note = f"\n[gitstore: {self._unshown} bytes of the model's output are not shown]\n"
            self._pending[:0] = note.encode()
            self._unshown = 0
        try:
            takes_all = stat.S_ISREG(os.fstat(self._target).st_mode)
            written = os.write(self._target, self._pending if takes_all else self._pending[:_ATOMIC])
        except OSError:
            self._pending.clear()
            return
        del self._pending[:written]
