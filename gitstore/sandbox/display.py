"""What a worker prints, on its way to the user's terminal, file or pipe: a buffer that a slow reader cannot
fill."""

from __future__ import annotations

import codecs
import os
import select
import stat
from contextlib import suppress

from gitstore.text import counted, harmless

MOST_PENDING = 4 << 20
"""The most bytes that are kept for a reader that is slow. If there are more, the oldest are left out."""

_ATOMIC = 4096  # pipe(7): a pipe that is ready takes so many bytes at once
_PIECE = 1 << 16


class Display:
    """The way to `target`, a descriptor of the user's. Nothing here waits for a reader.

    `descriptor` is the one to poll for. On a terminal, characters that control it are escaped.
    """

    def __init__(self, target: int) -> None:
        self._own = _reopen(target)
        self.descriptor = target if self._own is None else self._own
        self._is_terminal = os.isatty(target)
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._pending = bytearray()
        self._unshown = 0

    @property
    def is_pending(self) -> bool:
        """Whether there is something to show."""
        return bool(self._pending)

    @property
    def is_full(self) -> bool:
        """Whether the reader is so slow that another block may have to push out what it has not read."""
        return len(self._pending) >= MOST_PENDING // 2

    def add(self, block: bytes) -> None:
        """Add a block, which is empty at the end of all output."""
        if self._is_terminal:
            # A lone \r only goes back to the start of the line: bars of progress are drawn with it.
            text = self._decoder.decode(block, final=not block)
            block = "\r".join(map(harmless, text.split("\r"))).encode()
        self._pending += block
        excess = len(self._pending) - MOST_PENDING
        if excess > 0:
            del self._pending[:excess]
            self._unshown += excess

    def show(self, event: int) -> None:
        """Write what the target takes without a wait. `event` is what `select.poll` says of it."""
        if event & ~select.POLLOUT:  # closed, or its reader is gone
            self._pending.clear()
            return
        if self._unshown:
            unshown = counted(
                self._unshown, "byte of the model's output is", "bytes of the model's output are"
            )
            note = f"\n[gitstore: {unshown} not shown]\n"
            self._pending[:0] = note.encode()
            self._unshown = 0
        try:
            self._write()
        except OSError:
            self._pending.clear()

    def close(self) -> None:
        """Close what was opened here, and nothing of the user's."""
        if self._own is not None:
            os.close(self._own)

    def _write(self) -> None:
        if self._own is not None:
            with suppress(BlockingIOError):
                while self._pending:
                    del self._pending[: os.write(self._own, self._pending[:_PIECE])]
            return
        takes_all = stat.S_ISREG(os.fstat(self.descriptor).st_mode)
        piece = self._pending if takes_all else self._pending[:_ATOMIC]
        del self._pending[: os.write(self.descriptor, piece)]


def _reopen(target: int) -> int | None:
    """Open a terminal or pipe once more, so that writes need not wait; `None` if that is not possible.

    To say so of `target` would say it to all programs that share it.
    """
    flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    with suppress(OSError):
        if stat.S_ISFIFO(os.fstat(target).st_mode) or os.isatty(target):
            return os.open(f"/proc/self/fd/{target}", flags)
    return None
