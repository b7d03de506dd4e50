"""Writing one new pack, so that a crash at any instant leaves the repository as it was.

The order follows gitformat-pack(5) and git's own practice. Entries are written to a temporary file, then
its count and checksum, then fsync. The index is written likewise. Then the files get their names: pack,
`.keep`, index; then the directory's fsync. Git finds a pack by its index, so the rename of the index makes
the whole pack visible. A crash before that leaves a temporary file or a pack without an index, which
nothing reads.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import threading
from collections.abc import Iterable
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple, Self

from isal import isal_zlib

from gitstore.disk.atomic import TEMPORARY, durable_file, sync_directory
from gitstore.errors import GitstoreError
from gitstore.packs import format as pack_format
from gitstore.packs.format import Entry
from gitstore.packs.oid import Oid

_FLUSH_EVERY = 32 * 1024 * 1024
_BLOCK = 4 * 1024 * 1024


class Written(NamedTuple):
    """A finished pack: its file, its size in bytes and its number of objects."""

    path: Path
    size: int
    objects: int


class PackWriter:
    """Collects entries into a new pack of `directory`. For one thread.

    Use as a context manager: without `finish`, nothing is left behind. An `OSError` while writing, such as a
    full disk, becomes a `GitstoreError` that names the directory.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.size = pack_format.PACK_HEADER_SIZE
        self._entries: list[Entry] = []
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._fd, name = tempfile.mkstemp(prefix=f"{TEMPORARY}pack-", dir=directory)
        except OSError as error:
            raise self._cannot_write(error) from error
        self._temporary = Path(name)
        self._flusher = _Flusher(self._fd)
        # Leave room for the header, whose count is known at the end.
        os.lseek(self._fd, self.size, os.SEEK_SET)

    @property
    def count(self) -> int:
        """The number of objects so far."""
        return len(self._entries)

    def append(self, oid: Oid, entry: bytes) -> None:
        """Add an entry, with its header, as it will be in the pack."""
        self.append_stream(oid, entry, stream=())

    def append_stream(self, oid: Oid, header: bytes, *, stream: Iterable[bytes]) -> None:
        """Add an entry whose stream comes in pieces. If this raises, nothing more can be added."""
        start, checksum = self.size, 0
        for piece in chain([header], stream):
            try:
                self._write(piece)
            except OSError as error:
                raise self._cannot_write(error) from error
            checksum = isal_zlib.crc32(piece, checksum)
            self.size += len(piece)
            self._flusher.note_size(self.size)
        self._entries.append(Entry(oid, start, checksum))

    def finish(self) -> Written | None:
        """Make the pack part of the repository, durably.

        Returns `None`, and leaves no pack, if it is empty.
        """
        if not self._entries:
            return None
        try:
            checksum = self._seal()
            return self._publish(checksum)
        except OSError as error:
            raise self._cannot_write(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flusher.stop()
        with suppress(OSError):  # what was written is synced already, or not needed
            os.close(self._fd)
        with suppress(OSError):  # gc will remove it
            self._temporary.unlink(missing_ok=True)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def _seal(self) -> bytes:
        """Write the count into the header and the checksum after the last entry; return the checksum.

        The count is known only now and is in the header, so the file is read again for the checksum. It is
        in the page cache, and the disk is still busy with the writing.
        """
        self._flusher.flush()
        header = pack_format.pack_header(len(self._entries))
        digest = hashlib.sha1(header)
        offset = len(header)
        while block := os.pread(self._fd, _BLOCK, offset):
            digest.update(block)
            offset += len(block)
        self._write(digest.digest())
        os.pwrite(self._fd, header, 0)
        self._flusher.stop()
        if self._flusher.error is not None:
            raise self._flusher.error
        self.size += pack_format.TRAILER_SIZE
        return digest.digest()

    def _publish(self, checksum: bytes) -> Written:
        os.fchmod(self._fd, 0o444)
        os.fsync(self._fd)
        path = self.directory / f"pack-{checksum.hex()}.pack"
        content = pack_format.encode_index(self._entries, checksum)
        with (
            durable_file(self.directory, pack_format.KEEP_MARK, suffix="keep") as keep,
            durable_file(self.directory, content, suffix="idx") as index,
        ):
            # Nothing is removed once it has its name, whatever fails after that: if another process has
            # written the same objects, its pack has the same name and bytes.
            self._temporary.rename(path)
            keep.rename(path.with_suffix(".keep"))
            index.rename(path.with_suffix(".idx"))
        sync_directory(self.directory)
        return Written(path, self.size, len(self._entries))

    def _cannot_write(self, error: OSError) -> GitstoreError:
        return GitstoreError(
            f"cannot write a pack in {self.directory}: {error.strerror}",
            "nothing was recorded; make room or fix the directory's permissions, then try again",
        )


class _Flusher:
    """A thread that flushes the pack while it grows, so that the last fsync takes little time.

    `error` is the error of a flush. The kernel reports a failed write-back only once for each open file, so
    the last fsync would not report it again. Whoever relies on that fsync must check `error` as well.
    """

    def __init__(self, descriptor: int) -> None:
        self.error: OSError | None = None
        self._descriptor = descriptor
        self._written = 0
        self._requested = 0
        self._flushed = 0
        self._stopped = False
        self._condition = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="gitstore-flush", daemon=True)
        self._thread.start()

    def note_size(self, size: int) -> None:
        """Note the length of the file; wakes the thread when there is enough to flush."""
        self._written = size
        if size - self._requested >= _FLUSH_EVERY:
            self.flush()

    def flush(self) -> None:
        """Flush what is written so far, without waiting."""
        with self._condition:
            self._requested = self._written
            self._condition.notify()

    def stop(self) -> None:
        """End the thread after its current flush. A second call does nothing."""
        with self._condition:
            self._stopped = True
            self._condition.notify()
        self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._stopped or self._requested > self._flushed)
                if self._stopped:
                    return
                self._flushed = self._requested
            try:
                os.fdatasync(self._descriptor)
            except OSError as error:
                self.error = error
                return
