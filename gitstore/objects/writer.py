"""Adding objects to a repository: hashed and deflated on all cores, written as one new pack."""

from __future__ import annotations

import shlex
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from gitstore.disk.cores import core_count
from gitstore.errors import Corrupt, FileChanged
from gitstore.objects.database import BrokenObject, ObjectDatabase
from gitstore.objects.paths import read_tree
from gitstore.objects.repack import LARGE_PACK
from gitstore.packs import limits
from gitstore.packs.compression import deflate, deflate_stream
from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.writer import PackWriter, Written

if TYPE_CHECKING:
    from concurrent.futures import Future

_IN_FLIGHT = 64 * 1024 * 1024
"""Bytes of content that may wait for a core or for their turn in the pack: what bounds memory."""


_BLOCK = 4 * 1024 * 1024
"""Bytes of a large blob that are in memory at a time."""


_READ_BACK = 64 * 1024
"""Bytes of an object up to which reading it back costs little."""


class Encoded(NamedTuple):
    """An object's id and, unless the repository has it, its pack entry."""

    oid: Oid
    entry: bytes | None


class _Waiting(NamedTuple):
    encoded: Future[Encoded]
    size: int
    then: Callable[[Oid], None]


class ObjectHasher:
    """Finds out the ids of objects on all cores, and writes nothing.

    For one thread; the work is done in others. Use as a context manager.
    """

    def __init__(self, database: ObjectDatabase) -> None:
        self.database = database
        self._waiting: deque[_Waiting] = deque()
        self._in_flight = 0
        from concurrent.futures import ThreadPoolExecutor  # late: who only reads needs none

        self._pool = ThreadPoolExecutor(core_count(), thread_name_prefix="gitstore-objects")

    def has(self, oid: Oid, size: int | None = None) -> bool:  # noqa: ARG002 - a writer looks
        """Whether an object need not be added again; it is a blob of `size` bytes if that is given."""
        return True

    def has_tree(self, oid: Oid, size: int | None = None) -> bool:  # noqa: ARG002 - a writer looks
        """Whether neither a tree nor what it names need be added again; `size` is that of its blobs."""
        return True

    def add(self, kind: Kind, content: bytes, *, path: object = "this") -> Oid:
        """Add one object now.

        Raises `GitstoreError`, which names `path`, for a tree, commit or tag too large to be read back.
        """
        limits.check_new(kind, len(content), path)
        encoded = self._encode(kind, content, read_back=True)
        self._append(encoded)
        return encoded.oid

    def add_blob(self, content: bytes, then: Callable[[Oid], None], *, read_back: bool = False) -> None:
        """Add a blob as soon as a core is free, and hand its id to `then` in the order of the calls.

        Blocks while too much content is under way; `settle` waits for the rest. With `read_back`, a blob that
        the repository has is read again, whatever its size.
        """
        encoded = self._pool.submit(self._encode, Kind.BLOB, content, read_back=read_back)
        self._waiting.append(_Waiting(encoded, len(content), then))
        self._in_flight += len(content)
        while self._in_flight > _IN_FLIGHT:
            self._append_next()

    def add_file(self, file: FileIO, *, size: int, path: Path) -> Oid:
        """Add all of an open file as one blob, now, without holding it in memory.

        A writer that lacks the blob reads the file twice. Raises `FileChanged` if the file does not
        have `size` bytes, or not the same bytes both times.
        """
        return Oid.of_pieces(Kind.BLOB, _blocks(file, size, path), size=size)

    def settle(self) -> None:
        """Wait until every blob added so far has its id, and its place in the pack."""
        while self._waiting:
            self._append_next()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _append_next(self) -> None:
        waiting = self._waiting.popleft()
        encoded = waiting.encoded.result()
        self._append(encoded)
        self._in_flight -= waiting.size
        waiting.then(encoded.oid)

    def _encode(self, kind: Kind, content: bytes, *, read_back: bool = False) -> Encoded:  # noqa: ARG002
        """In any thread."""
        return Encoded(Oid.of(kind, content), None)

    def _append(self, encoded: Encoded) -> None:
        """In the caller's thread, in the order of the calls."""


class ObjectWriter(ObjectHasher):
    """One write: a set of objects, of which those the repository lacks become one new pack.

    Nothing becomes part of the repository before `finish`. The caller then points a ref at it.

    What the repository has is not written again, but looked at, for a new snapshot must not hold what is
    damaged: code and whatever is small is read back, of larger weights only the header. What is damaged
    raises `Corrupt`. Objects that soon go again need not be sound.
    """

    def __init__(self, database: ObjectDatabase, directory: Path | None = None) -> None:
        """`directory` is where packs go, if not into the database: objects that soon go again."""
        super().__init__(database)
        self._directory = directory or database.directory / "pack"
        self._lasts = directory is None
        self._pack = PackWriter(self._directory)
        self._apart: dict[Oid, bytes] = {}
        self._added: set[Oid] = set()

    def has(self, oid: Oid, size: int | None = None) -> bool:
        """Whether the repository has an object, or this write does."""
        if oid in self._added:
            return True
        is_there = self.database.freshen(oid)
        if is_there and size is not None:
            self._check(oid, kind=Kind.BLOB, size=size)
        return is_there

    def has_tree(self, oid: Oid, size: int | None = None) -> bool:
        """Whether the repository has a tree and all that it names, or this write does."""
        if oid in self._added:
            return True  # after what it names
        if not self.has(oid):
            return False
        with self._damaged(oid):
            blobs = [entry.oid for entry in read_tree(self.database, oid)]
        is_there = all(self.has(blob) for blob in blobs)
        if is_there and size is not None and self._lasts and sum(map(self._size, blobs)) != size:
            raise BrokenObject(oid, f"its blobs do not say that they have {size:,} bytes")
        return is_there

    def add_apart(self, kind: Kind, content: bytes) -> Oid:
        """Add one object that a large pack shall not have, so that others may need all of that pack.

        It stands for something that they do not need: a state's name, a snapshot's. Raises like `add`.
        """
        limits.check_new(kind, len(content), "this")
        encoded = self._encode(kind, content, read_back=True)
        if encoded.entry is not None and encoded.oid not in self._added:
            self._apart[encoded.oid] = encoded.entry
            self._added.add(encoded.oid)
        return encoded.oid

    def add_file(self, file: FileIO, *, size: int, path: Path) -> Oid:
        """Like that of a hasher; the blob goes into the pack unless the repository has it."""
        oid = super().add_file(file, size=size, path=path)
        if self.has(oid):
            self._read_back(oid, kind=Kind.BLOB, size=size, always=True)
        else:
            self.settle()
            digest = Oid.hasher(Kind.BLOB, size)
            stream = deflate_stream(_hashed(_blocks(file, size, path), digest.update))
            self._pack.append_stream(oid, entry_header(Kind.BLOB, size), stream=stream)
            if digest.digest() != oid:
                raise FileChanged(path)
            self._added.add(oid)
        return oid

    def finish(self) -> Written | None:
        """Make the new objects part of the repository, durably; `None` if it had them all."""
        self.settle()
        large = self._pack.finish() if self._apart and self._pack.size >= LARGE_PACK else None
        if large is None:
            written = _finish(self._pack, self._apart)
        else:
            with PackWriter(self._directory) as small:
                written = _with(large, _finish(small, self._apart))
        if written is not None:
            self.database.refresh()
        return written

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._pack.__exit__(*error)

    def _encode(self, kind: Kind, content: bytes, *, read_back: bool = False) -> Encoded:
        oid = Oid.of(kind, content)
        if self.has(oid):
            self._read_back(oid, kind=kind, size=len(content), always=read_back)
            return Encoded(oid, None)
        return Encoded(oid, entry_header(kind, len(content)) + deflate(content))

    def _append(self, encoded: Encoded) -> None:
        # The same content may have been encoded twice side by side.
        if encoded.entry is not None and encoded.oid not in self._added:
            self._pack.append(encoded.oid, encoded.entry)
            self._added.add(encoded.oid)

    def _check(self, oid: Oid, *, kind: Kind, size: int) -> None:
        """Raise `Corrupt` unless an object that is reused says that it is of this kind and size."""
        if not self._lasts:
            return
        with self._damaged(oid):
            if self.database.header(oid) != (kind, size):
                raise BrokenObject(oid, f"it does not say that it is a {kind.name.lower()} of {size:,} bytes")

    def _read_back(self, oid: Oid, *, kind: Kind, size: int, always: bool) -> None:
        """The same, and read it if that costs little or is asked for."""
        if not self._lasts or oid in self._added:
            return
        self._check(oid, kind=kind, size=size)
        if always or size <= _READ_BACK or self.database.find(oid) is None:
            with self._damaged(oid):
                self.database.check(oid)

    def _size(self, oid: Oid) -> int:
        with self._damaged(oid):
            return self.database.size(oid)

    @contextmanager
    def _damaged(self, oid: Oid) -> Iterator[None]:
        """Say what to do about an object that is damaged."""
        try:
            yield
        except Corrupt as error:
            packed, path = self.database.find(oid), self.database.loose_path(oid)
            if packed is not None:
                where = shlex.quote(str(packed.pack.path))
                error.hint = f"it lies in {where}; gitstore verify --all shows what else is damaged"
            elif path is not None:
                error.hint = f"rm {shlex.quote(str(path))}, and the same command stores it anew"
            raise


def _finish(pack: PackWriter, last: Mapping[Oid, bytes]) -> Written | None:
    for oid, entry in last.items():
        pack.append(oid, entry)
    return pack.finish()


def _with(large: Written, small: Written | None) -> Written:
    """Two packs of one write, as if they were one."""
    if small is None:
        return large
    return Written(large.path, large.size + small.size, large.objects + small.objects)


def _blocks(file: FileIO, size: int, path: Path) -> Iterator[bytes]:
    """A file from its start, in blocks. Raises `FileChanged` unless it has `size` bytes."""
    file.seek(0)
    left = size
    while block := file.read(min(_BLOCK, left + 1)):  # one more, so that a file that has grown shows
        left -= len(block)
        if left < 0:
            break
        yield block
    if left:
        raise FileChanged(path)


def _hashed(blocks: Iterator[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for block in blocks:
        update(block)
        yield block
