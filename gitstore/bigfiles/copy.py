"""Copying listed files, without moving their bytes where the file system can share them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from gitstore.bigfiles.scan import Listing, SourceFile, check_unchanged
from gitstore.bigfiles.stat_cache import Stamp, settle
from gitstore.disk import mapped_writes
from gitstore.errors import FileChanged, GitstoreError
from gitstore.progress import Progress

_AT_ONCE = 64 * 1024 * 1024
_CANNOT_SHARE = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)


def copy(listing: Listing, target: Path, progress: Progress = lambda _: None) -> None:
    """Copy all files of a listing below `target`, a directory of ours; empty directories are left out.

    The copies are what all the files held at one time. Raises `FileChanged` if any has changed since it
    was listed, or one is new or gone, and `GitstoreError` if there is no room.
    """
    _copy(listing, target, progress)
    check_unchanged(listing)


def _copy(listing: Listing, target: Path, progress: Progress) -> None:
    for name, file in listing.files.items():
        _copy_file(file, target / os.fsdecode(name), progress)
    for name, directory in listing.directories.items():
        if next(directory.walk(), None) is not None:
            inner = target / os.fsdecode(name)
            inner.mkdir()
            _copy(directory, inner, progress)


def _copy_file(file: SourceFile, target: Path, progress: Progress) -> None:
    try:
        with file.path.open("rb", buffering=0) as source, target.open("xb", buffering=0) as copied:
            settle(source.fileno())
            mapped_writes.flush(source.fileno())
            size = _copy_bytes(source.fileno(), copied.fileno(), progress)
            now = Stamp.of(os.fstat(source.fileno()))
    except FileNotFoundError as error:
        raise FileChanged(file.path) from error
    except OSError as error:
        raise GitstoreError(f"cannot copy {file.path}: {error.strerror}") from error
    if now != file.stamp or size != file.stamp.size:
        raise FileChanged(file.path)


def _copy_bytes(source: int, target: int, progress: Progress) -> int:
    """Copy from one open file to another; returns the bytes.

    copy_file_range(2) shares blocks (a reflink) where it can. It may give up at any point, and some
    file systems say that they are at the end when they are not.
    """
    size = 0
    shares = hasattr(os, "copy_file_range")
    while True:
        done = 0
        if shares:
            try:
                done = os.copy_file_range(source, target, _AT_ONCE)
            except OSError as error:
                if error.errno not in _CANNOT_SHARE:
                    raise
            shares = done > 0
        if not done:
            block = os.read(source, 1024 * 1024)
            done = _write(target, block)
        if not done:
            return size
        size += done
        progress(done)


def _write(target: int, block: bytes) -> int:
    view = memoryview(block)
    while view:
        view = view[os.write(target, view) :]
    return len(block)
