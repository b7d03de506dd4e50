"""Writes through a memory map (mmap(2), numpy's memmap), which do not always change a file's times.

The kernel sets the times when a clean page is written for the first time, and not again while that page is
dirty. Before gitstore relies on the times of a file, it flushes the dirty pages: then the next write to each
page changes the times. tmpfs has no disk, and never shows such a write.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from gitstore.disk.hidden_names import new_prefix

if TYPE_CHECKING:
    import ctypes

_WRITE = 2
_WRITE_AND_WAIT = 7  # SYNC_FILE_RANGE_WRITE_AND_WAIT: waits for earlier writes, too

# f_type of statfs(2), from linux/magic.h: ext2 to ext4, XFS, Btrfs, F2FS; and tmpfs, ramfs, hugetlbfs.
_SHOWING = frozenset({0xEF53, 0x58465342, 0x9123683E, 0xF2F52010})
_HIDING = frozenset({0x01021994, 0x858458F6, 0x958458F6})

_PATIENCE = 0.05
"""Seconds that the probe waits for a tick of the file system's clock, which takes 1 to 10 ms."""


def begin_flush(descriptor: int) -> None:
    """Start to write a file's dirty pages to the disk, without waiting."""
    _sync_range(descriptor, _WRITE)


def flush(descriptor: int) -> None:
    """Write a file's dirty pages to the disk, so that a later write to any of them changes the file's times.

    Unlike fdatasync(2), it does not flush the disk's own cache, which takes a millisecond even for a clean
    file. Raises `OSError` if the disk cannot take the pages.
    """
    if not _sync_range(descriptor, _WRITE_AND_WAIT):
        os.fdatasync(descriptor)


def are_shown(descriptor: int, scratch: Path) -> bool:
    """Whether the times of an open file, once flushed, show every later write through a map.

    An unknown file system is tested in `scratch`, a directory of ours, if that is on the same file system.
    """
    kind = _kind(descriptor)
    if kind in _SHOWING or kind in _HIDING:
        return kind in _SHOWING
    try:
        return scratch.stat().st_dev == os.fstat(descriptor).st_dev and _probe(scratch)
    except (OSError, ValueError):  # it cannot be mapped
        return False


def _probe(scratch: Path) -> bool:
    """Return whether a write to a flushed page changes the file's time."""
    with tempfile.TemporaryFile(prefix=new_prefix("probe"), dir=scratch) as file:
        file.truncate(mmap.PAGESIZE)
        with mmap.mmap(file.fileno(), mmap.PAGESIZE) as page:
            page[:1] = b"A"
            flush(file.fileno())
            before = os.fstat(file.fileno()).st_mtime_ns
            time.sleep(_PATIENCE)
            page[:1] = b"B"
            return os.fstat(file.fileno()).st_mtime_ns != before


@cache
def _libc() -> ctypes.CDLL:
    import ctypes  # here, because few commands need it, and the import is slow

    return ctypes.CDLL(None, use_errno=True)


def _sync_range(descriptor: int, flags: int) -> bool:
    """Call sync_file_range(2) for a whole file; False if the system lacks it."""
    import ctypes

    call = getattr(_libc(), "sync_file_range", None)
    if call is None:
        return False
    return bool(call(descriptor, ctypes.c_int64(0), ctypes.c_int64(0), ctypes.c_uint(flags)) == 0)


def _kind(descriptor: int) -> int | None:
    """Return the type of the file system of an open file: f_type, the first field of fstatfs(2)."""
    import ctypes

    call = getattr(_libc(), "fstatfs", None)
    status = (ctypes.c_long * 64)()
    if call is None or call(descriptor, status) != 0:
        return None
    return status[0] & 0xFFFFFFFF
