"""Writing stored files to disk: their parts are read and checked on all cores, and written into place."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from gitstore.bigfiles.stored import StoredFile, link_target
from gitstore.disk.cores import core_count
from gitstore.errors import GitstoreError
from gitstore.objects.database import ObjectDatabase, TooLarge
from gitstore.objects.tree import Mode
from gitstore.packs import limits
from gitstore.packs.oid import Oid
from gitstore.progress import Progress

_AHEAD = 4
"""Blobs that are read ahead for each core. A part has at most 4 MiB, so this bounds the memory."""


def extract(
    database: ObjectDatabase,
    files: Iterable[StoredFile],
    target: Path,
    *,
    progress: Progress = lambda _: None,
) -> None:
    """Write files, as `stored.files` gives them, below `target`, a directory of ours alone.

    Every blob is checked against its id: a part before it is written, a large one at its end. Raises
    `Corrupt` for one that is not what it should be, and `GitstoreError` if the disk is full; `target` is
    then half-written, so callers extract into a `construction`.
    """
    with ThreadPoolExecutor(core_count(), thread_name_prefix="gitstore-read") as pool:
        under_way: deque[Future[int]] = deque()
        try:
            for job in _jobs(database, files, target):
                under_way.append(pool.submit(job))
                if len(under_way) > _AHEAD * core_count():
                    progress(under_way.popleft().result())
            while under_way:
                progress(under_way.popleft().result())
        except OSError as error:
            raise GitstoreError(f"cannot write below {target.parent}: {error.strerror}") from error
        finally:
            pool.shutdown(cancel_futures=True)


def _jobs(database: ObjectDatabase, files: Iterable[StoredFile], target: Path) -> Iterator[Callable[[], int]]:
    for file in files:
        path = target / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.mode == Mode.LINK:
            path.symlink_to(link_target(database, file.entry))
        else:
            yield from _file_jobs(database, file, path)


def _file_jobs(database: ObjectDatabase, file: StoredFile, path: Path) -> Iterator[Callable[[], int]]:
    """One job for each blob of a file: the file is opened once, and closed by the last of them."""
    mode = 0o777 if file.mode & 0o100 else 0o666
    output = _Output(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
    offset = 0
    for blob in file.blobs:
        size = database.size(blob)
        if blob != file.entry and size > limits.PART:
            raise TooLarge(blob, f"it is a part of {size:,} bytes, where at most {limits.PART:,} are read")
        yield _Join(database, blob, output=output, offset=offset)
        offset += size


class _Output:
    """An open file that closes when the last job that writes to it is gone."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)


class _Join:
    """Reads one blob, checked, and writes it at its place in a file."""

    def __init__(self, database: ObjectDatabase, blob: Oid, *, output: _Output, offset: int) -> None:
        self._database = database
        self._blob = blob
        self._output = output
        self._offset = offset

    def __call__(self) -> int:
        offset = self._offset
        for piece in self._database.pieces(self._blob):
            view = memoryview(piece)
            while view:
                written = os.pwrite(self._output.descriptor, view, offset)
                view, offset = view[written:], offset + written
        return offset - self._offset
