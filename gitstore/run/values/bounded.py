"""Bytes of files that anybody may have made: how many are read, decided before memory is taken."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from gitstore.units import format_size

MAX_BYTES = 4 << 30
"""Bytes of a file that is taken as it is, for a parameter of bytes."""

MAX_TEXT = 64 << 20
"""Bytes of a JSON or CSV file. Their values take up to twenty times as much memory."""

MAX_STREAM = 256 << 20
"""Bytes that are read of what has no size: a pipe, a terminal, a device."""

_BLOCK = 1 << 20


def read(path: Path, limit: int) -> bytes:
    """All bytes of a file: at most `limit`, and at most `MAX_STREAM` unless it is a regular file.

    Raises ValueError, and OSError.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_size:
            check(status.st_size, limit)
            content = file.read(status.st_size + 1)
            if len(content) != status.st_size:
                raise ValueError("it changed while it was read")
            return content
        # A file in /proc says that it is empty.
        return _read_stream(file, min(limit, MAX_STREAM))


def _read_stream(file: BinaryIO, limit: int) -> bytes:
    blocks = []
    size = 0
    while block := file.read(_BLOCK):
        size += len(block)
        if size > limit:
            raise ValueError(f"it has more than {format_size(limit)}, the most that is read")
        blocks.append(block)
    return b"".join(blocks)


def check(size: int, limit: int, subject: str = "it") -> None:
    """Raise ValueError if the size of something is over the limit."""
    if size > limit:
        raise ValueError(
            f"{subject} has {format_size(size)}, more than the {format_size(limit)} that are read"
        )
