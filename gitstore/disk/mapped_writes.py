"""Writes through a mapped file (mmap(2), numpy's memmap), which a file's times show only now and then.

The kernel sets the times when a clean page is written to for the first time, and never again while that
page is dirty. So whoever relies on the times of a file writes its dirty pages to the disk first: then the
next write to each of them shows. tmpfs has no disk, and never shows such a write.
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
_WRITE_AND_WAIT = 7  # SYNC_FILE_RANGE_WRITE_AND_WAIT: waits for what is being written, too

# f_type of statfs(2), from linux/magic.h: ext2 to ext4, XFS, Btrfs, F2FS; and tmpfs, ramfs, hugetlbfs.
_SHOWING = frozenset({0xEF53, 0x58465342, 0x9123683E, 0xF2F52010})
_HIDING = frozenset({0x01021994, 0x858458F6, 0x958458F6})

_PATIENCE = 0.05
"""Seconds that the probe waits for a tick of the file system's clock, which takes 1 to 10 ms."""


def begin_flush(descriptor: int) -> None:
    """Start to write a file's dirty pages to the disk, without waiting for it."""
    _sync_range(descriptor, _WRITE)


def flush(descriptor: int) -> None:
    """Write a file's dirty pages to the disk, so that a later write to any of them shows in its times.

    Unlike fdatasync(2) it does not empty the disk's own cache, which would take a millisecond for each
    file that is clean already. Raises `OSError` if the disk cannot take the pages.
    """
    if not _sync_range(descriptor, _WRITE_AND_WAIT):
        os.fdatasync(descriptor)


def are_shown(descriptor: int, scratch: Path) -> bool:
    """Whether the times of an open file, once flushed, show every later write through a map.

    A file system that is not known is tried out in `scratch`, a directory of ours, if that lies on it.
    """
    kind = _kind(descriptor)
    if kind in _SHOWING or kind in _HIDING:
        return kind in _SHOWING
    try:
        return scratch.stat().st_dev == os.fstat(descriptor).st_dev and _probe(scratch)
    except (OSError, ValueError):  # not to be mapped at all
        return False


def _probe(scratch: Path) -> bool:
    """Write to a page that was flushed, and see whether the time changes."""
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
    import ctypes  # only here and below: few commands need it, and it takes a while

    return ctypes.CDLL(None, use_errno=True)


def _sync_range(descriptor: int, flags: int) -> bool:
    """sync_file_range(2) on a whole file; False if the system has no such thing."""
    import ctypes

    call = getattr(_libc(), "sync_file_range", None)
    if call is None:
        return False
    return bool(call(descriptor, ctypes.c_int64(0), ctypes.c_int64(0), ctypes.c_uint(flags)) == 0)


def _kind(descriptor: int) -> int | None:
    """The kind of file system that an open file is on: f_type, the first field that fstatfs(2) gives."""
    import ctypes

    call = getattr(_libc(), "fstatfs", None)
    answer = (ctypes.c_long * 64)()
    if call is None or call(descriptor, answer) != 0:
        return None
    return answer[0] & 0xFFFFFFFF
