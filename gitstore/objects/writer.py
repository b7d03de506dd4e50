"""Adding objects to a repository: hashed and deflated on all cores, written as one new pack."""

from __future__ import annotations

import shlex
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from gitstore.disk.cores import core_count
from gitstore.disk.memory import keep_freed_memory
from gitstore.errors import Corrupt, FileChanged
from gitstore.objects.database import BrokenObject, ObjectDatabase
from gitstore.objects.paths import read_tree
from gitstore.objects.repack import LARGE_PACK
from gitstore.packs import limits, planes
from gitstore.packs.compression import deflate, deflate_stream
from gitstore.packs.format import entry_header
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.writer import PackWriter, Written
from gitstore.text import counted

if TYPE_CHECKING:
    from concurrent.futures import Future

_IN_FLIGHT = 64 * 1024 * 1024
"""Bytes of content that may wait for a core or for their turn in the pack. They bound the memory."""

_PER_CORE = 8 * 1024 * 1024
"""No more of them wait for each core, so that content is still in the processor's cache when one takes it."""


_BLOCK = 4 * 1024 * 1024
"""Bytes of a large blob that are in memory at one time."""


_READ_BACK = 64 * 1024
"""Objects of up to this many bytes are read back, because that costs little."""


class Encoded(NamedTuple):
    """An object's id and, unless the repository has it, the header and the stream of its pack entry."""

    oid: Oid
    entry: tuple[bytes, bytes] | None


class _Waiting(NamedTuple):
    encoded: Future[Encoded]
    size: int
    then: Callable[[Oid], None]


class ObjectHasher:
    """Computes the ids of objects on all cores, and writes nothing.

    To be used by one thread, as a context manager.
    """

    def __init__(self, database: ObjectDatabase) -> None:
        self.database = database
        self._waiting: deque[_Waiting] = deque()
        self._in_flight = 0
        self._most_in_flight = min(_IN_FLIGHT, core_count() * _PER_CORE)
        keep_freed_memory()
        from concurrent.futures import ThreadPoolExecutor  # here, because commands that only read need none

        self._pool = ThreadPoolExecutor(core_count(), thread_name_prefix="gitstore-objects")

    def has(self, oid: Oid, size: int | None = None) -> bool:  # noqa: ARG002 - a writer looks
        """Whether an object need not be added again. With `size`, it must be a blob of so many bytes."""
        return True

    def has_tree(self, oid: Oid, size: int | None = None) -> bool:  # noqa: ARG002 - a writer looks
        """Whether neither a tree nor its blobs need be added again. `size` is the sum of the blobs' sizes."""
        return True

    def add(self, kind: Kind, content: bytes, *, path: object = "this") -> Oid:
        """Add one object now.

        Raises `GitstoreError`, which names `path`, for a tree, commit or tag that is too large to be read
        back.
        """
        limits.check_new(kind, len(content), path)
        encoded = self._encode(kind, content, read_back=True)
        self._append(encoded)
        return encoded.oid

    def add_blob(
        self, content: bytes, then: Callable[[Oid], None], *, width: int = 1, read_back: bool = False
    ) -> None:
        """Add a blob when a core is free, and call `then` with its id, in the order of the calls.

        With a `width` of 2, 4 or 8, the blob has the byte planes of `content`. Blocks while too much content
        is waiting; `settle` waits for the rest. With `read_back`, a blob that the repository has is read
        again, whatever its size.
        """
        encoded = self._pool.submit(self._encode, Kind.BLOB, content, width=width, read_back=read_back)
        self._waiting.append(_Waiting(encoded, len(content), then))
        self._in_flight += len(content)
        while self._in_flight > self._most_in_flight:
            self._append_next()

    def expect_blobs(self, size: int, count: Callable[[], int | None]) -> None:
        """Say that blobs of `size` bytes together follow, and then only trees and the like.

        `count` returns how many, `None` if that is not known. It is not called if nobody needs the number.
        """

    def add_file(self, file: FileIO, *, size: int, path: Path) -> Oid:
        """Add an open file as one blob now, without holding it in memory.

        If the repository lacks the blob, a writer reads the file twice. Raises `FileChanged` if the file
        does not have `size` bytes, or has other bytes the second time.
        """
        return Oid.of_pieces(Kind.BLOB, _blocks(file, size, path), size=size)

    def settle(self) -> None:
        """Wait until every blob added so far has its id and its place in the pack."""
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

    def _encode(
        self,
        kind: Kind,
        content: bytes,
        *,
        width: int = 1,
        read_back: bool = False,  # noqa: ARG002 - a writer reads
    ) -> Encoded:
        """Hash an object, and compress it if it must be written. Runs in any thread."""
        return Encoded(Oid.of(kind, planes.split(content, width)), None)

    def _append(self, encoded: Encoded) -> None:
        """Add an encoded object to the pack. Runs in the caller's thread, in the order of the calls."""


class ObjectWriter(ObjectHasher):
    """One write: a set of objects. Those that the repository lacks become one new pack.

    Nothing becomes part of the repository before `finish`. The caller then sets a ref.

    An object that the repository has is not written again. It is checked, because a new snapshot must not
    contain damaged objects: code and small objects are read back; of larger weights, only the header is
    read. Damage raises `Corrupt`. Objects of a write to a temporary `directory` are not checked.
    """

    def __init__(self, database: ObjectDatabase, directory: Path | None = None) -> None:
        """`directory` is for packs of temporary objects, which do not become part of the database."""
        super().__init__(database)
        self._directory = directory or database.directory / "pack"
        self._is_permanent = directory is None
        self._pack = PackWriter(self._directory)
        self._separate: dict[Oid, tuple[bytes, bytes]] = {}
        self._separates_all = False
        self._added: set[Oid] = set()

    def has(self, oid: Oid, size: int | None = None) -> bool:
        """Whether the repository has an object, or this write does."""
        if oid in self._added:
            return True
        exists = self.database.freshen(oid)
        if exists and size is not None:
            self._check(oid, kind=Kind.BLOB, size=size)
        return exists

    def has_tree(self, oid: Oid, size: int | None = None) -> bool:
        """Whether the repository has a tree and its blobs, or this write does."""
        if oid in self._added:
            return True  # its blobs were added before it
        if not self.has(oid):
            return False
        with self._damaged(oid):
            blobs = [entry.oid for entry in read_tree(self.database, oid)]
        exists = all(self.has(blob) for blob in blobs)
        if exists and size is not None and self._is_permanent and sum(map(self._size, blobs)) != size:
            raise BrokenObject(oid, f"the headers of its blobs do not add up to {counted(size, 'byte')}")
        return exists

    def expect_blobs(self, size: int, count: Callable[[], int | None]) -> None:
        """Do the same. If the blobs are enough for a large pack, they complete it.

        What follows is then added apart. So the number of the pack's objects is known, and its checksum is
        computed while it grows. If there are fewer blobs in the end, because some are equal or in the
        repository, that takes more time and has no other effect.
        """
        expected = count() if size >= LARGE_PACK else None
        if expected is not None:
            self.settle()
            self._pack.expect(self._pack.count + expected)
            self._separates_all = True

    def add(self, kind: Kind, content: bytes, *, path: object = "this") -> Oid:
        add = self.add_apart if self._separates_all else super().add
        return add(kind, content, path=path)

    def add_apart(self, kind: Kind, content: bytes, *, path: object = "this") -> Oid:
        """Add one object that must not be in a large pack, so that other repositories can link that pack.

        They need no object that has the name of a state or snapshot. Raises like `add`.
        """
        limits.check_new(kind, len(content), path)
        encoded = self._encode(kind, content, read_back=True)
        if encoded.entry is not None and encoded.oid not in self._added:
            self._separate[encoded.oid] = encoded.entry
            self._added.add(encoded.oid)
        return encoded.oid

    def add_file(self, file: FileIO, *, size: int, path: Path) -> Oid:
        """Like `ObjectHasher.add_file`, and write the blob to the pack unless the repository has it."""
        oid = super().add_file(file, size=size, path=path)
        if self.has(oid):
            self._read_back(oid, kind=Kind.BLOB, size=size, always=True)
        else:
            self.settle()
            digest = Oid.hasher(Kind.BLOB, size)
            stream = deflate_stream(_hash_blocks(_blocks(file, size, path), digest.update))
            self._pack.append_stream(oid, chain([entry_header(Kind.BLOB, size)], stream))
            if digest.digest() != oid:
                raise FileChanged(path)
            self._added.add(oid)
        return oid

    def finish(self) -> Written | None:
        """Make the new objects part of the repository, durably. Returns `None` if it had all of them."""
        self.settle()
        large = self._pack.finish() if self._separate and self._pack.size >= LARGE_PACK else None
        if large is None:
            written = _finish(self._pack, self._separate)
        else:
            with PackWriter(self._directory) as small:
                written = _combine(large, _finish(small, self._separate))
        if written is not None:
            self.database.refresh()
        return written

    def __exit__(self, *error: object) -> None:
        super().__exit__(*error)
        self._pack.__exit__(*error)

    def _encode(self, kind: Kind, content: bytes, *, width: int = 1, read_back: bool = False) -> Encoded:
        stored = planes.split(content, width)
        oid = Oid.of(kind, stored)
        if self.has(oid):
            self._read_back(oid, kind=kind, size=len(stored), always=read_back)
            return Encoded(oid, None)
        return Encoded(oid, (entry_header(kind, len(stored)), deflate(stored, width=width)))

    def _append(self, encoded: Encoded) -> None:
        # Two threads may have encoded the same content at the same time.
        if encoded.entry is not None and encoded.oid not in self._added:
            self._pack.append(encoded.oid, *encoded.entry)
            self._added.add(encoded.oid)

    def _check(self, oid: Oid, *, kind: Kind, size: int) -> None:
        """Raise `Corrupt` unless the header of a reused object has this kind and size."""
        if not self._is_permanent:
            return
        with self._damaged(oid):
            if self.database.header(oid) != (kind, size):
                raise BrokenObject(
                    oid, f"its header does not have the kind {kind.name.lower()} and {counted(size, 'byte')}"
                )

    def _read_back(self, oid: Oid, *, kind: Kind, size: int, always: bool) -> None:
        """Do the same, and read the object if it is small or `always`."""
        if not self._is_permanent or oid in self._added:
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
        """Add to an error what to do about the damaged object."""
        try:
            yield
        except Corrupt as error:
            packed, path = self.database.find(oid), self.database.loose_path(oid)
            if packed is not None:
                where = shlex.quote(str(packed.pack.path))
                error.hint = f"it is in {where}; gitstore verify --all reports what else is damaged"
            elif path is not None:
                error.hint = f"rm {shlex.quote(str(path))}, then run the same command again to store it"
            raise


def _finish(pack: PackWriter, last: Mapping[Oid, tuple[bytes, bytes]]) -> Written | None:
    for oid, entry in last.items():
        pack.append(oid, *entry)
    return pack.finish()


def _combine(large: Written, small: Written | None) -> Written:
    """Return two packs of one write as if they were one."""
    if small is None:
        return large
    return Written(large.path, large.size + small.size, large.objects + small.objects)


def _blocks(file: FileIO, size: int, path: Path) -> Iterator[bytes]:
    """Yield a file from its start in blocks. Raises `FileChanged` unless it has `size` bytes."""
    file.seek(0)
    remaining = size
    while block := file.read(min(_BLOCK, remaining + 1)):  # one byte more shows a longer file
        remaining -= len(block)
        if remaining < 0:
            break
        yield block
    if remaining:
        raise FileChanged(path)


def _hash_blocks(blocks: Iterator[bytes], update: Callable[[bytes], None]) -> Iterator[bytes]:
    for block in blocks:
        update(block)
        yield block
