"""Large data that crosses without being copied through the socket: as the descriptor of a file.

Data that a process has in memory is written once, into a memfd, memfd_create(2), which is sealed, so that
nobody can change it any more, or make it shorter under a reader. An array that is mapped from a file crosses
as the file's own descriptor. The receiver maps either one, privately: it can write to the array, and only the
receiver sees that.

Where the system has no memfd, or does not allow it, nothing here is used.
"""

from __future__ import annotations

import math
import mmap
import os
import stat
import sys
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple, cast

import numpy as np

from .payload import Malformed
from .tensors import Array, KeptArray

try:
    import fcntl
except ImportError:  # no Unix
    fcntl = None  # type: ignore[assignment]

THRESHOLD = 16 << 20
"""The fewest bytes that are written to a memfd. Fewer are sent in less than half the time (measured)."""

_IS_POSSIBLE = sys.platform == "linux" and hasattr(os, "memfd_create") and hasattr(fcntl, "F_ADD_SEALS")
_NO_RESERVE = 0x4000  # MAP_NORESERVE of Linux, which Python knows from 3.12 on


class FilePlace(NamedTuple):
    """The place of an array's bytes: the descriptor of a file, and an offset.

    `is_protected` says that nobody can write to the file through the descriptor.
    """

    descriptor: int
    offset: int
    is_protected: bool = False


class FileArray(KeptArray):
    """An array that is mapped from a file, whose descriptor it owns.

    `source` is None for every array that is made of it: a part, a copy, a result.
    """

    source: FilePlace | None = None

    def __del__(self) -> None:
        if self.source is not None:
            os.close(self.source.descriptor)


def map_array(
    source: FilePlace, dtype: np.dtype[Any], *, shape: tuple[int, ...], order: Literal["C", "F"] = "C"
) -> FileArray:
    """Map an array from a file, and own the descriptor. The file must have all its bytes."""
    data = map_file(source, math.prod(shape) * dtype.itemsize)
    array = cast(FileArray, data.view(dtype).reshape(shape, order=order).view(FileArray))
    array.source = source
    return array


def find_source(value: object) -> FilePlace | None:
    """Return where a value's data is in a file, byte by byte as it would be sent; None if it is in none."""
    if isinstance(value, FileArray) and value.flags.c_contiguous:
        return value.source
    return None


def write_sealed(blocks: Iterable[memoryview]) -> int | None:
    """Write data into a memfd, and return its descriptor; None where that is not possible."""
    if not _IS_POSSIBLE:
        return None
    try:
        descriptor = os.memfd_create("gitstore", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    except OSError:
        return None
    try:
        for block in blocks:
            view = block.cast("B")
            while len(view):
                view = view[os.write(descriptor, view) :]
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, _seals())
    except OSError:  # a limit on files or memory, which does not concern the socket
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def map_sealed(descriptor: int, size: int) -> Array:
    """Map the data of a memfd that another process has written, of exactly `size` bytes.

    Raises Malformed unless it is memory that is there, and that nobody can change or shorten any more: else
    that process could change what was checked, or end this one by SIGBUS.
    """
    try:
        seals = fcntl.fcntl(descriptor, fcntl.F_GET_SEALS)
        status = os.fstat(descriptor)
        # In huge pages, memory may be promised that no reader gets.
        is_ordinary = os.fstatvfs(descriptor).f_bsize == mmap.PAGESIZE
    except OSError as error:
        raise Malformed("a descriptor that is no memfd") from error
    if seals & _seals() != _seals():
        raise Malformed("a memfd that is not sealed")
    if not is_ordinary or status.st_size != size or status.st_blocks * 512 < size:
        raise Malformed(f"a memfd that does not have {size} bytes")
    return map_file(FilePlace(descriptor, 0), size)


def map_file(source: FilePlace, size: int) -> Array:
    """Map `size` bytes of a regular file. Raises Malformed if it does not have them, or cannot be mapped."""
    descriptor, offset = source.descriptor, source.offset
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size < offset + size:
        raise Malformed(f"a file that does not have {size} bytes from {offset} on")
    skipped = offset % mmap.ALLOCATIONGRANULARITY
    flags = mmap.MAP_PRIVATE | (_NO_RESERVE if sys.platform == "linux" else 0)
    try:
        mapped = mmap.mmap(
            descriptor, size + skipped, flags, mmap.PROT_READ | mmap.PROT_WRITE, offset=offset - skipped
        )
    except (OSError, ValueError, OverflowError) as error:
        raise Malformed(f"a file that cannot be mapped: {error}") from error
    return np.frombuffer(mapped, np.uint8, size, skipped)


def _seals() -> int:
    return fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
