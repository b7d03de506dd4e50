"""Filters what other programs print on a terminal: workers with a model's code, hooks, git.

They inherit stderr. If it is a terminal, they get a pipe instead, and their output is made harmless before
it is shown: a model cannot clear the screen, name the window, or write into the clipboard.
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

# Seconds to wait for output that was already printed.
_PATIENCE = 0.5


@contextmanager
def filtered() -> Iterator[None]:
    """Let other programs print through a pipe while the block runs, if stderr is a terminal."""
    if not os.isatty(2) or sys.stderr is not streams.own_stderr():
        yield
        return
    pipe = _Filter()
    ours, sys.stderr = sys.stderr, streams.open_messages(pipe.terminal, before=pipe.settle)
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
        """Wait until the terminal shows what other programs have printed, but not for long."""
        deadline = time.monotonic() + _PATIENCE
        while select.select([self._reader], [], [], 0)[0] and time.monotonic() < deadline:
            time.sleep(0.001)
        with self._busy:
            return

    def close(self) -> None:
        """Restore stderr. A program that is still running can no longer print."""
        self.settle()
        os.dup2(self.terminal, 2)
        self._thread.join(_PATIENCE)  # returns at once, unless a running program has the pipe open

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
            return  # the terminal is gone, so no message can be shown either
