"""The manifest of an entry of the cache, by which any change of the entry's files shows.

It has a stamp of every file, link and directory: inode, size, times and mode. It is written when the clock
has passed all times in it, as in `bigfiles.stat_cache`, so that any later change also changes a stamp. It
lies beside the files, not among them, and no model sees it.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec

from gitstore.bigfiles.stat_cache import Stamp, read_file_clock
from gitstore.disk import mapped_writes
from gitstore.disk.atomic import replace_file

_VERSION = 1
_PATIENCE = 2.5
"""The most seconds to wait for the clock to pass all times. File systems may store whole seconds only."""


class _Marked(NamedTuple):
    """A stamp, and the type and permissions. Times of links count, too, since a link cannot be changed."""

    stamp: Stamp
    mode: int


_Marks = dict[bytes, tuple[int, int, int, int, int]]


class Manifest(msgspec.Struct, frozen=True):
    """The stamps of everything below a directory, by path, and the bytes of its files."""

    version: int
    size: int
    marks: _Marks

    def fits(self, directory: Path) -> bool:
        """Whether a directory has the same files as before, unchanged, and no others."""
        try:
            return self.marks == {path: (*mark.stamp, mark.mode) for path, mark in _walk(directory)}
        except OSError:
            return False


def write(directory: Path, path: Path) -> None:
    """Write the manifest of a directory that nobody writes to any more, durably.

    No manifest is written where it could miss changes: if the clock does not pass the times, or on a file
    system such as tmpfs, whose times do not show writes through a map. Then the files are used only once.
    """
    if not _shows_all_writes(directory):
        return
    deadline = time.monotonic() + _PATIENCE
    while True:
        marks = dict(_walk(directory))
        clock = read_file_clock()
        if all(mark.stamp.is_settled(clock) for mark in marks.values()):
            break
        if time.monotonic() > deadline:
            return
        time.sleep(0.002)
    size = sum(mark.stamp.size for mark in marks.values() if stat.S_ISREG(mark.mode))
    manifest = Manifest(_VERSION, size, {name: (*mark.stamp, mark.mode) for name, mark in marks.items()})
    replace_file(path, msgspec.msgpack.encode(manifest), mode=0o444)


def _shows_all_writes(directory: Path) -> bool:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return mapped_writes.are_shown(descriptor, directory.parent)
    finally:
        os.close(descriptor)


def read(path: Path) -> Manifest | None:
    """Read a manifest; `None` if it is missing, damaged, or of another version."""
    try:
        manifest = msgspec.msgpack.decode(path.read_bytes(), type=Manifest)
    except (OSError, msgspec.DecodeError):
        return None
    return manifest if manifest.version == _VERSION else None


def _walk(directory: Path) -> Iterator[tuple[bytes, _Marked]]:
    """Yield the directory itself, as `b""`, and everything below it. Raises `OSError`."""
    yield b"", _mark(os.lstat(directory))
    pending = [(os.fsencode(directory), b"")]
    while pending:
        folder, at = pending.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                mark = _mark(entry.stat(follow_symlinks=False))
                yield at + entry.name, mark
                if stat.S_ISDIR(mark.mode):
                    pending.append((entry.path, at + entry.name + b"/"))


def _mark(status: os.stat_result) -> _Marked:
    return _Marked(Stamp.of(status), status.st_mode)
