"""What the readers of formats share: a file that is read at any offset, and a region of it."""

from __future__ import annotations

from typing import NamedTuple, Protocol


class Readable(Protocol):
    """A file of which any range can be read."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...


class Region(NamedTuple):
    """The bytes of a file, from `start` up to `end`, that are one tensor.

    `width` is the number of bytes of a word of floats: 2, 4 or 8. It is 1 for other values, and None if no
    header says what the bytes are.
    """

    start: int
    end: int
    width: int | None


def read_exactly(file: Readable, offset: int, length: int) -> bytes:
    """Read `length` bytes at `offset`. Raises ValueError if the file does not have them all."""
    if offset < 0 or offset + length > file.size:
        raise ValueError("it ends too early")
    content = file.read(offset, length)
    if len(content) != length:
        raise ValueError("it ends too early")
    return content
