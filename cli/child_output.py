"""What other programs print on a terminal: workers with a model's code, hooks, git. It goes through here.

They have stderr from us. While it is a terminal they get a pipe instead, and what comes out of that is made
harmless, so that a model cannot clear the screen, name the window, or write into the clipboard.
"""

from __future__ import annotations

import codecs
import os
import select
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gitstore.cli import streams
from gitstore.text import harmless

_BLOCK = 65536

# How long to wait for what was printed already, in seconds.
_PATIENCE = 0.5


@contextmanager
def filtered() -> Iterator[None]:
    """Let other programs print through a pipe while the block runs, if stderr is a terminal."""
    if not os.isatty(2) or sys.stderr is not streams.own_stderr():
        yield
        return
    pipe = _Filter()
    ours, sys.stderr = sys.stderr, streams.messages(pipe.terminal, before=pipe.settle)
    try:
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = ours
        pipe.close()


class _Filter:
    """A pipe in the place of stderr, and the thread that copies its output to the terminal."""

    def __init__(self) -> None:
        self.terminal = os.dup(2)
        self._reader, writer = os.pipe()
        os.dup2(writer, 2)
        os.close(writer)
        self._busy = threading.Lock()
        self._thread = threading.Thread(target=self._pump, daemon=True)
        self._thread.start()

    def settle(self) -> None:
        """Wait until what others have printed is on the terminal, for a while."""
        deadline = time.monotonic() + _PATIENCE
        while select.select([self._reader], [], [], 0)[0] and time.monotonic() < deadline:
            time.sleep(0.001)
        with self._busy:
            return

    def close(self) -> None:
        """Put stderr back. A program that lives on can print no more."""
        self.settle()
        os.dup2(self.terminal, 2)
        self._thread.join(_PATIENCE)  # at once, unless a program lives on that has the pipe

    def _pump(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        while True:
            select.select([self._reader], [], [])
            with self._busy:
                block = os.read(self._reader, _BLOCK)
                self._print(decoder.decode(block, final=not block))
            if not block:
                return

    def _print(self, text: str) -> None:
        # A lone \r only goes back to the start of the line: bars of progress are drawn with it.
        unwritten = "\r".join(map(harmless, text.split("\r"))).encode()
        try:
            while unwritten:
                unwritten = unwritten[os.write(self.terminal, unwritten) :]
        except OSError:
            return  # the terminal is gone, and nobody is there to be told
