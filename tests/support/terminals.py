"""Shells at a terminal, in which keys are pressed."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE = 20.0
"""Seconds until a shell that says nothing more has failed the test."""

SHOW = "\x07"
"""Ctrl-G, which `setup` binds to printing the line as it is, between these:"""
BEGIN, END = "\x02", "\x03"


class Terminal:
    """A shell at a terminal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._read = ""

    def until(self, wanted: str) -> str:
        """What the shell printed up to some text."""
        deadline = time.monotonic() + PATIENCE
        while wanted not in self._read:
            left = deadline - time.monotonic()
            ready, _, _ = select.select([self._descriptor], [], [], max(left, 0))
            assert ready, f"no {wanted!r} in {self._read!r}"
            self._read += os.read(self._descriptor, 65536).decode(errors="replace")
        before, _, self._read = self._read.partition(wanted)
        return before

    def press(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def line_after(self, keys: str) -> str:
        """The command line that some keys make of an empty one."""
        self.press(f"\x15{keys}{SHOW}")
        self.until(BEGIN)
        return self.until(END)


@contextmanager
def terminal(command: Sequence[str | Path], cwd: Path, setup: str) -> Iterator[Terminal]:
    """A shell that has read the lines of `setup`, of which each must be short; killed at the end."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        command, cwd=cwd, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    try:
        shell = Terminal(ours)
        shell.press(f"{setup}\nprintf '%s%s\\n' re ady\n")
        shell.until("ready")
        yield shell
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(ours)
