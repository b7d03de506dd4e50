"""Remembering the object ids of files, so that an unchanged file is not read again.

A file is taken for unchanged when its inode number, size, modification and change time are what they
were when it was last read. The times are trusted only if they lay in the past when the reading began:
a file written to again within the same tick of the file system's clock looks the same (git calls such
an entry racy, see its Documentation/technical/racy-git.txt). Entries that do not pass are not kept, nor
those of file systems whose times do not show every write (mapped_writes).
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import msgspec

from gitstore.disk import mapped_writes
from gitstore.disk.hidden_names import new_prefix
from gitstore.disk.permissions import make_directory, open_up, share
from gitstore.packs.oid import Oid

_VERSION = 3
_SUM = 20
"""Version 1 also had files that somebody could still write to through a map unseen."""
_MOST = 100_000
_PATIENCE = 0.1
"""Seconds to wait at the most for the file system's clock to pass a file's time; a tick takes 1 to 10 ms."""

_COARSE_CLOCK = 5  # CLOCK_REALTIME_COARSE of Linux, for which Python has no name
_SECOND = 1_000_000_000


class Stamp(NamedTuple):
    """What distinguishes two contents of a file without reading it."""

    inode: int
    size: int
    modified: int  # nanoseconds, st_mtime_ns
    changed: int  # nanoseconds, st_ctime_ns: unlike the former it cannot be set back

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def is_settled(self, now: int) -> bool:
        """Whether a later write would have to show, `now` being the file system's clock."""
        # A file system that stamps with whole seconds may do so every other one only, like FAT.
        tick = 0 if self.changed % _SECOND else 2 * _SECOND
        return max(self.modified, self.changed) + tick < now


class StatCache:
    """A file of stamps and the object ids of what they hold. A lost or damaged cache only costs time.

    One that is `frozen` is never written. The file ends in the SHA-1 of all before it: a flipped bit in an
    id would be in the next snapshot.
    """

    def __init__(self, path: Path, *, frozen: bool = False) -> None:
        self.path = path
        self._frozen = frozen
        self._known: dict[Stamp, Oid] = {}
        self._trusted: dict[int, bool] = {}
        self._dirty = False
        try:
            content = path.read_bytes()
            if hashlib.sha1(content[:-_SUM]).digest() != content[-_SUM:]:
                return
            version, entries = msgspec.msgpack.decode(content[:-_SUM], type=tuple[int, list[_Entry]])
        except (OSError, msgspec.DecodeError):
            return
        if version == _VERSION:
            self._known = {Stamp(*entry[:4]): Oid(entry[4]) for entry in entries if len(entry[4]) == 20}

    def trusts(self, descriptor: int) -> bool:
        """Whether the file system of an open file shows every later write in a file's times."""
        device = os.fstat(descriptor).st_dev
        if device not in self._trusted:
            self._trusted[device] = mapped_writes.are_shown(descriptor, self.path.parent)
        return self._trusted[device]

    def get(self, stamp: Stamp) -> Oid | None:
        """Return the id that a file with this stamp had when it was last read."""
        return self._known.get(stamp)

    def put(self, stamp: Stamp, oid: Oid) -> None:
        """Remember the id of a file that was read when its stamp was settled."""
        self._known.pop(stamp, None)
        self._known[stamp] = oid
        self._dirty = True

    def save(self) -> None:
        """Write the cache, whole or not at all; the oldest entries beyond 100,000 are forgotten.

        What others have saved meanwhile stays. A cache that cannot be written is no reason to fail.
        """
        if not self._dirty or self._frozen:
            return
        others = StatCache(self.path)._known
        known = {stamp: others[stamp] for stamp in others if stamp not in self._known} | self._known
        entries = [(*stamp, bytes(oid)) for stamp, oid in known.items()][-_MOST:]
        try:
            self._write(msgspec.msgpack.encode((_VERSION, entries)))
        except OSError:
            return
        self._dirty = False

    def _write(self, content: bytes) -> None:
        make_directory(self.path.parent)
        descriptor, name = tempfile.mkstemp(prefix=new_prefix(self.path.name), dir=self.path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content + hashlib.sha1(content).digest())
            open_up(Path(name), 0o666)
            share(Path(name))
            Path(name).replace(self.path)
        except OSError:
            Path(name).unlink(missing_ok=True)
            raise


_Entry = tuple[int, int, int, int, bytes]


def file_clock() -> int:
    """The clock that file systems stamp with, in nanoseconds: it ticks every few milliseconds."""
    return time.clock_gettime_ns(_COARSE_CLOCK if sys.platform == "linux" else time.CLOCK_REALTIME)


def settle(descriptor: int) -> tuple[Stamp, bool]:
    """Wait until the clock has passed an open file's times, and return its stamp: later writes change that.

    The second value is False if the stamp does not settle, as for a file from the future.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        stamp = Stamp.of(os.fstat(descriptor))
        is_settled = stamp.is_settled(file_clock())
        if is_settled or time.monotonic() > deadline:
            return stamp, is_settled
        time.sleep(0.001)
