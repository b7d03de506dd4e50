"""Copying a repository with its working copy, so that stock git finds nothing to refresh in it."""

from __future__ import annotations

import hashlib
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_STAT = struct.Struct(">10L")  # ctime and mtime, each with nanoseconds, dev, ino, mode, uid, gid, size
_HEADER = 12
_FIXED = 62  # bytes of an entry before its path
_LOW = 0xFFFFFFFF


def copy_tree(source: Path, target: Path) -> None:
    """Copy what is in a directory into another, with modes, times and links; it is made if need be.

    Files that are there already are overwritten. As `cp -a`, which takes longer to start than to copy what
    a scene has.
    """
    target.mkdir(parents=True, exist_ok=True)
    _copy_below(str(source), str(target), {})


def _copy_below(source: str, target: str, linked: dict[tuple[int, int], str]) -> None:
    """Copy a directory. `linked` has the copies of files with several names, by device and inode."""
    with os.scandir(source) as listing:
        entries = list(listing)
    for entry in entries:
        copy, status = f"{target}/{entry.name}", entry.stat(follow_symlinks=False)
        key = (status.st_dev, status.st_ino)
        if entry.is_dir(follow_symlinks=False):
            with suppress(FileExistsError):
                os.mkdir(copy)
            _copy_below(entry.path, copy, linked)
        elif entry.is_symlink():
            os.symlink(os.readlink(entry.path), copy)
        elif key in linked:
            os.link(linked[key], copy)
            continue
        else:
            _copy_file(entry.path, copy, status.st_size)
            if status.st_nlink > 1:
                linked[key] = copy
        _keep_status(status, copy)
    _keep_status(os.stat(source), target)


def _copy_file(source: str, target: str, size: int) -> None:
    reading = os.open(source, os.O_RDONLY)
    writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    while size > 0:
        size -= os.sendfile(writing, reading, None, size)
    os.close(reading)
    os.close(writing)


def _keep_status(status: os.stat_result, copy: str) -> None:
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(copy, stat.S_IMODE(status.st_mode))
    os.utime(copy, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def refresh_index(index: Path, top: Path) -> None:
    """What `git update-index --refresh` does: git's index knows files by their inodes too.

    Of a file that was changed, the index knows what it did before, so that git reads that file.
    """
    content = bytearray(index.read_bytes())
    assert content[:8] == b"DIRC\0\0\0\2", f"{index} has another format"
    for start, path in _entries(content):
        file = top / os.fsdecode(path)
        if _blob(file) == bytes(content[start + 40 : start + 60]):
            content[start : start + _STAT.size] = _stat(file, bytes(content[start + 24 : start + 28]))
    content[-20:] = hashlib.sha1(content[:-20], usedforsecurity=False).digest()
    index.write_bytes(content)


def _entries(content: bytearray) -> Iterator[tuple[int, bytes]]:
    """Where each entry of an index starts, and its path, as in gitformat-index(5)."""
    start = _HEADER
    for _ in range(int.from_bytes(content[8:12])):
        end = content.index(0, start + _FIXED)
        yield start, bytes(content[start + _FIXED : end])
        start += (end - start + 8) // 8 * 8


def _blob(file: Path) -> bytes | None:
    """The object ID that git gives to a regular file; none for anything else."""
    if file.is_symlink() or not file.is_file():
        return None
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).digest()


def _stat(file: Path, mode: bytes) -> bytes:
    found = file.stat()
    times = [number for each in (found.st_ctime_ns, found.st_mtime_ns) for number in divmod(each, 10**9)]
    numbers = (found.st_dev, found.st_ino, int.from_bytes(mode), found.st_uid, found.st_gid, found.st_size)
    return _STAT.pack(*(number & _LOW for number in (*times, *numbers)))
