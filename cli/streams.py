"""The standard streams: what stands in for a closed one, and what a full or deserted one does to a command.

stdout is data: if it cannot be written the command has failed, and `OutputLost` says so. stderr is
for the person: if it cannot be written nobody is there to be told, and what was done stays done.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import TextIO


class OutputLost(Exception):
    """Standard output takes no more. Not an OSError: those are of what a command reads and writes."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error

    @property
    def reader_gone(self) -> bool:
        """Whether somebody read the output, and has stopped (`gitstore list | head -1`)."""
        return isinstance(self.error, BrokenPipeError)


class _Data(io.FileIO):
    def write(self, content: bytes, /) -> int:  # type: ignore[override]
        try:
            return super().write(content)
        except OSError as error:
            raise OutputLost(error) from error


class _Messages(io.FileIO):
    before: Callable[[], None] | None = None

    def write(self, content: bytes, /) -> int:  # type: ignore[override]
        if self.before is not None:
            self.before()
        try:
            return super().write(content) or len(content)
        except OSError:
            return len(content)


def prepare() -> None:
    """Open /dev/null for each standard stream that is closed, and make stdout and stderr fail as said above.

    Streams that somebody put in the place of the process's own are left as they are.
    """
    _fill()
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(sys.stdout, _Data(1, "w", closefd=False))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _Own.stderr = _text(sys.stderr, _Messages(2, "w", closefd=False))


class _Own:
    stderr: TextIO | None = None


def own_stderr() -> TextIO | None:
    """The stream that `prepare` made for stderr; `None` if somebody had put another in its place."""
    return _Own.stderr


def messages(descriptor: int, *, before: Callable[[], None]) -> TextIO:
    """A stream for messages, like stderr, that calls `before` each time it writes."""
    raw = _Messages(descriptor, "w", closefd=False)
    raw.before = before
    return _text(sys.stderr, raw)


def data(descriptor: int) -> TextIO:
    """A stream for data, like stdout."""
    return _text(sys.stdout, _Data(descriptor, "w", closefd=False))


def abandon_stdout() -> None:
    """Let what is still to be written to stdout vanish, so that the end of the process does not fail."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _fill() -> None:
    """Else the next file that is opened gets the number of a closed stream, and is printed into."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)  # git, hooks and workers have it from us
    os.close(descriptor)


def _text(stream: TextIO | None, raw: io.FileIO) -> TextIO:
    """What Python makes of a standard stream, with another bottom."""
    encoding, errors = ("utf-8", "replace") if stream is None else (stream.encoding, stream.errors)
    for_person = isinstance(raw, _Messages)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, errors, line_buffering=raw.isatty() or for_person
    )
