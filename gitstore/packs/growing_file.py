"""What is done to a pack while it grows, each in a thread of its own: flushing it and hashing it.

It knows a descriptor and how many bytes are written, and nothing of packs.
"""

from __future__ import annotations

import errno
import hashlib
import os
import threading
from collections import deque
from collections.abc import Iterable, Iterator

_FLUSH_EVERY = 32 * 1024 * 1024
_MOST_WAITING = 16 * 1024 * 1024
"""Bytes that may wait to be hashed."""

_BLOCK = 256 * 1024  # stays in the core's cache between the copy and the hash
_BATCH = 1024 * 1024
_MOST_PIECES = 1024  # IOV_MAX of Linux, pwritev(2)


def batches(pieces: Iterable[bytes | memoryview]) -> Iterator[list[bytes | memoryview]]:
    """Divide pieces into lists that one call can write, of about 1 MiB or more."""
    batch: list[bytes | memoryview] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece)
        if size >= _BATCH or len(batch) == _MOST_PIECES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def write_batch(descriptor: int, batch: list[bytes | memoryview], offset: int) -> int:
    """Write all pieces, one after the other, at `offset`; return their bytes. Raises `OSError`."""
    size = sum(map(len, batch))
    written = os.pwritev(descriptor, batch, offset)
    if written < size:  # a signal, or a disk that is almost full
        rest = memoryview(b"".join(batch))
        while written < size:
            written += os.pwrite(descriptor, rest[written:], offset + written)
    return size


class Flusher:
    """A thread that flushes a file while it grows, so that the last fsync takes little time.

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


class Checksum:
    """The SHA-1 of a file whose first bytes, the header, are written last.

    If the header is known early, the rest is hashed in a thread while it is written. Otherwise the file is
    read again at the end.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._header: bytes | None = None
        self._digest = hashlib.sha1()
        self._waiting: deque[bytes | memoryview] = deque()
        self._bytes_waiting = 0
        self._stopped = False
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None

    def start(self, header: bytes, size: int) -> None:
        """Hash this header, the `size` bytes of the file behind it, and what will be added.

        Only the first call counts. Raises `OSError` if the file cannot be read.
        """
        if self._header is None:
            self._header, self._digest = header, self._hash_file(header, size)
            self._thread = threading.Thread(target=self._run, name="gitstore-checksum", daemon=True)
            self._thread.start()

    def add(self, batch: Iterable[bytes | memoryview]) -> None:
        """Hash what was just written. Waits while too much of it waits in memory."""
        if self._thread is None:
            return
        with self._condition:
            self._condition.wait_for(lambda: self._bytes_waiting < _MOST_WAITING)
            for piece in batch:
                self._waiting.append(piece)
                self._bytes_waiting += len(piece)
            self._condition.notify()

    def finish(self, header: bytes, size: int) -> bytes:
        """Return the checksum of the file, whose length is `size`. Raises `OSError`."""
        self.stop(abandon=header != self._header)
        digest = self._digest if header == self._header else self._hash_file(header, size)
        return digest.digest()

    def stop(self, *, abandon: bool = True) -> None:
        """End the thread, when it has hashed everything or at once. A second call does nothing."""
        with self._condition:
            if abandon:
                self._waiting.clear()
            self._stopped = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._stopped or self._waiting)
                if not self._waiting:
                    return
                piece = self._waiting.popleft()
            self._digest.update(piece)
            with self._condition:
                self._bytes_waiting -= len(piece)
                self._condition.notify()

    def _hash_file(self, header: bytes, size: int) -> hashlib._Hash:
        """Hash the header and what the file has behind it."""
        digest, hashed = hashlib.sha1(header), len(header)
        buffer = memoryview(bytearray(_BLOCK))
        while hashed < size:
            length = os.preadv(self._descriptor, [buffer[: size - hashed]], hashed)
            if not length:
                raise OSError(errno.EIO, "the file is cut short")
            digest.update(buffer[:length])
            hashed += length
        return digest
