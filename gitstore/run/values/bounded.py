"""Reading untrusted files, with a limit of bytes that is checked before memory is used."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from gitstore.units import format_size

MAX_BYTES = 4 << 30
"""The most bytes of a file for a parameter of bytes, which is read as it is."""

MAX_TEXT = 64 << 20
"""The most bytes of a JSON or CSV file. Its values take up to twenty times as much memory."""

MAX_STREAM = 256 << 20
"""The most bytes that are read from a source without a size: a pipe, a terminal, a device."""

_BLOCK = 1 << 20


def read(path: Path, limit: int) -> bytes:
    """Read all bytes of a file: at most `limit`, and at most `MAX_STREAM` if it is no regular file.

    Raises ValueError if there are more, and OSError.
    """
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode) and status.st_size:
            check_size(status.st_size, limit)
            content = file.read(status.st_size + 1)
            if len(content) != status.st_size:
                raise ValueError("it changed while it was read")
            return content
        # The size of a file in /proc is 0, although it has content.
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


def check_size(size: int, limit: int, subject: str = "it") -> None:
    """Raise ValueError if the size of something is over the limit."""
    if size > limit:
        raise ValueError(
            f"{subject} has {format_size(size)}, more than the {format_size(limit)} that are read"
        )
