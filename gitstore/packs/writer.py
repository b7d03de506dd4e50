"""Writing one new pack, so that a crash at any instant leaves the repository as it was.

The order follows gitformat-pack(5) and git's own practice. Entries are written to a temporary file, then
its count and checksum, then fsync. The index is written likewise. Then the files get their names: pack,
`.keep`, index; then the directory's fsync. Git finds a pack by its index, so the rename of the index makes
the whole pack visible. A crash before that leaves a temporary file or a pack without an index, which
nothing reads.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, Self

from isal import isal_zlib

from gitstore.disk.atomic import TEMPORARY, durable_file, sync_directory
from gitstore.errors import GitstoreError
from gitstore.packs import format as pack_format
from gitstore.packs.format import Entry
from gitstore.packs.growing_file import Checksum, Flusher, batches, write_batch
from gitstore.packs.oid import Oid


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
        self.size = pack_format.PACK_HEADER_SIZE  # leave room for the header, whose count is known at the end
        self._entries: list[Entry] = []
        try:
            directory.mkdir(parents=True, exist_ok=True)
            self._fd, name = tempfile.mkstemp(prefix=f"{TEMPORARY}pack-", dir=directory)
        except OSError as error:
            raise self._cannot_write(error) from error
        self._temporary = Path(name)
        self._flusher = Flusher(self._fd)
        self._checksum = Checksum(self._fd)

    @property
    def count(self) -> int:
        """The number of objects so far."""
        return len(self._entries)

    def expect(self, count: int) -> None:
        """Say how many objects the pack will have in all.

        Its checksum, which includes the count, is then computed while the pack grows. Another count in the
        end costs time, because the pack is read again, and nothing else.
        """
        try:
            self._checksum.start(pack_format.pack_header(count), self.size)
        except OSError as error:
            raise self._cannot_write(error) from error

    def append(self, oid: Oid, *entry: bytes | memoryview) -> None:
        """Add an entry, with its header, as it will be in the pack. It may be in pieces."""
        self.append_stream(oid, entry)

    def append_stream(self, oid: Oid, entry: Iterable[bytes | memoryview]) -> None:
        """Add an entry whose pieces are made while it is written.

        If this raises, nothing more can be added.
        """
        start, checksum = self.size, 0
        for batch in batches(entry):
            for piece in batch:
                checksum = isal_zlib.crc32(piece, checksum)
            try:
                self.size += write_batch(self._fd, batch, self.size)
            except OSError as error:
                raise self._cannot_write(error) from error
            self._flusher.note_size(self.size)
            self._checksum.add(batch)
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
        self._checksum.stop()
        self._flusher.stop()
        with suppress(OSError):  # what was written is synced already, or not needed
            os.close(self._fd)
        with suppress(OSError):  # gc will remove it
            self._temporary.unlink(missing_ok=True)

    def _seal(self) -> bytes:
        """Write the count into the header and the checksum after the last entry; return the checksum.

        The count is in the header. Unless it was known beforehand, the file is read again for the checksum
        now. It is in the page cache, and the disk is still busy with the writing.
        """
        self._flusher.flush()
        header = pack_format.pack_header(len(self._entries))
        digest = self._checksum.finish(header, self.size)
        self.size += write_batch(self._fd, [digest], self.size)
        write_batch(self._fd, [header], 0)
        self._flusher.stop()
        if self._flusher.error is not None:
            raise self._flusher.error
        return digest

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
