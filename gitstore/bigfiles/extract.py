"""Writing stored files to disk. All cores read and check blobs, and write each at its place in a file."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from gitstore.bigfiles.stored import StoredFile, read_link
from gitstore.disk.cores import core_count
from gitstore.errors import GitstoreError
from gitstore.objects.database import ObjectDatabase, TooLarge
from gitstore.objects.tree import Mode
from gitstore.packs import limits
from gitstore.packs.oid import Oid
from gitstore.progress import Progress

_AHEAD = 4
"""Blobs that are read ahead for each core. A part has at most 4 MiB, so this limits the memory."""


def extract_files(
    database: ObjectDatabase,
    files: Iterable[StoredFile],
    target: Path,
    *,
    progress: Progress = lambda _: None,
) -> None:
    """Write files from `stored.list_files` below `target`, a directory that nobody else uses.

    Every blob is checked against its id: a part before it is written, a larger blob at its end. `progress` is
    called with the bytes written. Raises `Corrupt` for a damaged blob, and `GitstoreError` if the disk is
    full. `target` is then incomplete, so callers extract into a `construction`.
    """
    with ThreadPoolExecutor(core_count(), thread_name_prefix="gitstore-read") as pool:
        pending: deque[Future[int]] = deque()
        try:
            for job in _prepare_jobs(database, files, target):
                pending.append(pool.submit(job))
                if len(pending) > _AHEAD * core_count():
                    progress(pending.popleft().result())
            while pending:
                progress(pending.popleft().result())
        except OSError as error:
            raise GitstoreError(f"cannot write below {target.parent}: {error.strerror}") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _prepare_jobs(
    database: ObjectDatabase, files: Iterable[StoredFile], target: Path
) -> Iterator[Callable[[], int]]:
    for file in files:
        path = target / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.mode == Mode.LINK:
            path.symlink_to(read_link(database, file.entry))
        else:
            yield from _prepare_file(database, file, path)


def _prepare_file(database: ObjectDatabase, file: StoredFile, path: Path) -> Iterator[Callable[[], int]]:
    """Yield a job for each blob of a file. The file is opened once, and closed after the last job."""
    mode = 0o777 if file.mode & 0o100 else 0o666
    output = _Output(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
    offset = 0
    for blob in file.blobs:
        size = database.size(blob)
        if blob != file.entry and size > limits.PART:
            raise TooLarge(blob, f"it is a part of {size:,} bytes, where at most {limits.PART:,} are read")
        yield _WriteBlob(database, blob, output=output, offset=offset)
        offset += size


class _Output:
    """An open file, which is closed when the last job that refers to it has been deleted."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)


class _WriteBlob:
    """A job: read and check one blob, write it at its place in a file, and return its size."""

    def __init__(self, database: ObjectDatabase, blob: Oid, *, output: _Output, offset: int) -> None:
        self._database = database
        self._blob = blob
        self._output = output
        self._offset = offset

    def __call__(self) -> int:
        offset = self._offset
        for piece in self._database.read_pieces(self._blob):
            view = memoryview(piece)
            while view:
                written = os.pwrite(self._output.descriptor, view, offset)
                view, offset = view[written:], offset + written
        return offset - self._offset
