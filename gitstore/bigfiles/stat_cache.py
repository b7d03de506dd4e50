"""The stat cache, which remembers the entries of files in trees, so that unchanged files are not read again.

A file counts as unchanged if its inode number, size, modification time and change time are the same as when
it was last read. The times are trusted only if they were in the past when the read began: a file that is
written again within the same tick of the file system's clock looks the same. (git calls such an entry racy,
see its Documentation/technical/racy-git.txt.) Other entries are not stored, nor are those of file systems
whose times do not show every write (`mapped_writes`).
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

from gitstore.bigfiles.parts import SUFFIXES, StateEntry
from gitstore.disk import mapped_writes
from gitstore.disk.hidden_names import new_prefix
from gitstore.disk.permissions import make_directory, open_up, share
from gitstore.packs.oid import Oid

_VERSION = 4
"""Versions before 4 have no suffixes, and files of tensors that are cut by their content."""

_CHECKSUM_SIZE = 20
_MOST = 100_000

_PATIENCE = 0.1
"""The most seconds to wait for the file system's clock to pass a file's time. A tick takes 1 to 10 ms."""

_COARSE_CLOCK = 5  # CLOCK_REALTIME_COARSE of Linux, for which Python has no name
_SECOND = 1_000_000_000


class Stamp(NamedTuple):
    """The status of a file by which a change of its content is noticed without reading it."""

    inode: int
    size: int
    modified: int  # nanoseconds, st_mtime_ns
    changed: int  # nanoseconds, st_ctime_ns; unlike st_mtime_ns, it cannot be set back

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        return cls(status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def is_settled(self, clock: int) -> bool:
        """Whether a later write would change the stamp. `clock` is the file system's, in nanoseconds."""
        # A file system with times in whole seconds may have only every other second, like FAT.
        tick = 0 if self.changed % _SECOND else 2 * _SECOND
        return max(self.modified, self.changed) + tick < clock


class StatCache:
    """A file that maps stamps to entries in trees. A lost or damaged cache only costs time.

    A `frozen` cache is never written. The file ends with the SHA-1 of the rest: without it, a flipped bit in
    an id would get into the next snapshot.
    """

    def __init__(self, path: Path, *, frozen: bool = False) -> None:
        self.path = path
        self._frozen = frozen
        self._entries: dict[Stamp, StateEntry] = {}
        self._trusted: dict[int, bool] = {}
        self._dirty = False
        try:
            content = path.read_bytes()
            if hashlib.sha1(content[:-_CHECKSUM_SIZE]).digest() != content[-_CHECKSUM_SIZE:]:
                return
            body = content[:-_CHECKSUM_SIZE]
            version, entries = msgspec.msgpack.decode(body, type=tuple[int, list[_Entry]])
        except (OSError, msgspec.DecodeError):
            return
        if version == _VERSION:
            self._entries = {
                Stamp(*entry[:4]): StateEntry(Oid(entry[4]), entry[5])
                for entry in entries
                if len(entry[4]) == 20 and entry[5] in (b"", *SUFFIXES)
            }

    def trusts(self, descriptor: int) -> bool:
        """Whether the file system of an open file shows every later write in a file's times."""
        device = os.fstat(descriptor).st_dev
        if device not in self._trusted:
            self._trusted[device] = mapped_writes.are_shown(descriptor, self.path.parent)
        return self._trusted[device]

    def get(self, stamp: Stamp) -> StateEntry | None:
        """Return the entry that a file with this stamp had when it was last read."""
        return self._entries.get(stamp)

    def put(self, stamp: Stamp, entry: StateEntry) -> None:
        """Remember the entry of a file that was read when its stamp was settled."""
        self._entries.pop(stamp, None)
        self._entries[stamp] = entry
        self._dirty = True

    def save(self) -> None:
        """Write the cache atomically, without the oldest entries beyond 100,000.

        Entries that other processes have saved meanwhile stay. A cache that cannot be written is no error.
        """
        if not self._dirty or self._frozen:
            return
        saved = StatCache(self.path)._entries
        known = {stamp: entry for stamp, entry in saved.items() if stamp not in self._entries} | self._entries
        entries = [(*stamp, bytes(entry.oid), entry.suffix) for stamp, entry in known.items()][-_MOST:]
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


_Entry = tuple[int, int, int, int, bytes, bytes]


def read_file_clock() -> int:
    """Return the clock of file systems' times, in nanoseconds. It ticks every few milliseconds."""
    return time.clock_gettime_ns(_COARSE_CLOCK if sys.platform == "linux" else time.CLOCK_REALTIME)


def settle(descriptor: int) -> tuple[Stamp, bool]:
    """Wait until the clock has passed an open file's times, and return its stamp, which any later write
    changes.

    The second value is False if the stamp does not settle, as for a file with a time in the future.
    """
    deadline = time.monotonic() + _PATIENCE
    while True:
        stamp = Stamp.of(os.fstat(descriptor))
        is_settled = stamp.is_settled(read_file_clock())
        if is_settled or time.monotonic() > deadline:
            return stamp, is_settled
        time.sleep(0.001)
