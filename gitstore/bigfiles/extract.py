"""Writing stored files to disk. All cores read and check blobs, and write each at its place in a file."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from gitstore.bigfiles.parts import Part
from gitstore.bigfiles.stored import StoredFile, read_link, read_part
from gitstore.disk.cores import core_count
from gitstore.disk.memory import keep_freed_memory
from gitstore.errors import GitstoreError
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Oid
from gitstore.progress import Progress

_AHEAD = 4
"""Parts that are read ahead for each core. A part has at most 4 MiB, so this limits the memory."""


def extract_files(
    database: ObjectDatabase,
    files: Iterable[StoredFile],
    target: Path,
    *,
    progress: Progress = lambda _: None,
) -> None:
    """Write files from `stored.list_files` below `target`, a directory that nobody else uses.

    Every blob is checked against its id: a part before it is written, a larger blob at its end. `progress` is
    called with the bytes written. What a partial clone lacks is fetched first. Raises `Corrupt` for a damaged
    blob, and `GitstoreError` if the disk is full. `target` is then incomplete, so callers extract into a
    `construction`.
    """
    keep_freed_memory()
    files = list(files)
    database.provide(part.oid for file in files for part in file.parts)
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
    if not file.is_in_parts:
        yield _WriteBlob(database, file.entry, output=output)
        return
    offset = 0
    for part, size in zip(file.parts, file.part_sizes(database), strict=True):
        yield _WritePart(database, part, output=output, offset=offset)
        offset += size


class _Output:
    """An open file, which is closed when the last job that refers to it has been deleted."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def __del__(self) -> None:
        os.close(self.descriptor)

    def write(self, content: bytes | memoryview, offset: int) -> int:
        """Write all of `content` at `offset`; return its size."""
        view = memoryview(content)
        while view:
            written = os.pwrite(self.descriptor, view, offset)
            view, offset = view[written:], offset + written
        return len(content)


class _WritePart:
    """A job: read and check one part, write it at its place in a file, and return its size."""

    def __init__(self, database: ObjectDatabase, part: Part, *, output: _Output, offset: int) -> None:
        self._database = database
        self._part = part
        self._output = output
        self._offset = offset

    def __call__(self) -> int:
        return self._output.write(read_part(self._database, self._part), self._offset)


class _WriteBlob:
    """A job: read and check a file that is one blob, write it piece by piece, and return its size."""

    def __init__(self, database: ObjectDatabase, blob: Oid, *, output: _Output) -> None:
        self._database = database
        self._blob = blob
        self._output = output

    def __call__(self) -> int:
        size = 0
        for piece in self._database.read_pieces(self._blob):
            size += self._output.write(piece, size)
        return size
