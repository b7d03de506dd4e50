"""The standard streams: replacing closed ones, and noticing those that take no more output.

stdout is data: if it cannot be written, the command has failed, and `OutputLost` is raised. stderr is for the
person: if it cannot be written, the message is dropped and the command continues.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from typing import TextIO


class OutputLost(Exception):
    """Standard output takes no more. It is no OSError, because those are about files of a command."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error

    @property
    def reader_gone(self) -> bool:
        """Whether the reader of the output has closed it (`gitstore list | head -1`)."""
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

    Streams that replaced the process's own are left as they are.
    """
    _replace_closed()
    if sys.stdin is None:
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
    if sys.stdout is sys.__stdout__:
        sys.stdout = _text(sys.stdout, _Data(1, "w", closefd=False))
    if sys.stderr is sys.__stderr__:
        sys.stderr = _Own.stderr = _text(sys.stderr, _Messages(2, "w", closefd=False))


class _Own:
    stderr: TextIO | None = None


def own_stderr() -> TextIO | None:
    """Return the stream that `prepare` made for stderr; `None` if stderr had been replaced before."""
    return _Own.stderr


def open_messages(descriptor: int, *, before: Callable[[], None]) -> TextIO:
    """Return a stream for messages, like stderr, that calls `before` each time it writes."""
    raw = _Messages(descriptor, "w", closefd=False)
    raw.before = before
    return _text(sys.stderr, raw)


def open_data(descriptor: int) -> TextIO:
    """Return a stream for data, like stdout."""
    return _text(sys.stdout, _Data(descriptor, "w", closefd=False))


def abandon_stdout() -> None:
    """Discard what is still to be written to stdout, so that the process can end without an error."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.close(null)


def _replace_closed() -> None:
    """Open /dev/null for closed streams: the next file would get such a number, and be printed into."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)  # git, hooks and workers inherit it
    os.close(descriptor)


def _text(stream: TextIO | None, raw: io.FileIO) -> TextIO:
    """Return a text stream like a standard stream of Python, on top of `raw`."""
    encoding, errors = ("utf-8", "replace") if stream is None else (stream.encoding, stream.errors)
    for_person = isinstance(raw, _Messages)
    return io.TextIOWrapper(
        io.BufferedWriter(raw), encoding, errors, line_buffering=raw.isatty() or for_person
    )
