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

_COPIED_AT_ONCE = 64 * 1024 * 1024
_CANNOT_SHARE = (errno.EXDEV, errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM)


def copy_files(listing: Listing, target: Path, progress: Progress = lambda _: None) -> None:
    """Copy all files of a listing below `target`, a directory of ours. Empty directories are left out.

    The copies are what all the files held at one time. `progress` is called with the bytes copied. Raises
    `FileChanged` if a file was changed, added or removed since the listing, and `GitstoreError` if the disk
    is full.
    """
    _copy_directory(listing, target, progress)
    check_unchanged(listing)


def _copy_directory(listing: Listing, target: Path, progress: Progress) -> None:
    for name, file in listing.files.items():
        _copy_file(file, target / os.fsdecode(name), progress)
    for name, directory in listing.directories.items():
        if next(directory.walk(), None) is not None:
            inner = target / os.fsdecode(name)
            inner.mkdir()
            _copy_directory(directory, inner, progress)


def _copy_file(file: SourceFile, target: Path, progress: Progress) -> None:
    try:
        with file.path.open("rb", buffering=0) as source, target.open("xb", buffering=0) as copied:
            settle(source.fileno())
            mapped_writes.flush(source.fileno())
            size = _copy_bytes(source.fileno(), copied.fileno(), progress)
            stamp = Stamp.of(os.fstat(source.fileno()))
    except FileNotFoundError as error:
        raise FileChanged(file.path) from error
    except OSError as error:
        raise GitstoreError(f"cannot copy {file.path}: {error.strerror}") from error
    if stamp != file.stamp or size != file.stamp.size:
        raise FileChanged(file.path)


def _copy_bytes(source: int, target: int, progress: Progress) -> int:
    """Copy one open file to another, and return the number of bytes.

    copy_file_range(2) shares blocks (a reflink) where it can. It may fail at any point, and some file systems
    report the end of the file too early; then the rest is read and written.
    """
    size = 0
    shares = hasattr(os, "copy_file_range")
    while True:
        copied = 0
        if shares:
            try:
                copied = os.copy_file_range(source, target, _COPIED_AT_ONCE)
            except OSError as error:
                if error.errno not in _CANNOT_SHARE:
                    raise
            shares = copied > 0
        if not copied:
            block = os.read(source, 1024 * 1024)
            copied = _write_all(target, block)
        if not copied:
            return size
        size += copied
        progress(copied)


def _write_all(target: int, block: bytes) -> int:
    view = memoryview(block)
    while view:
        view = view[os.write(target, view) :]
    return len(block)
