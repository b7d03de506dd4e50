"""Storing a directory of opaque binary files as a git tree, with large files in parts.

The rules of the format (docs/format.md): a file under 4 MiB is a blob; a larger one is a directory
`NAME.parts` of parts. Modes are normalised, empty directories are left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import FileIO
from pathlib import Path
from typing import NamedTuple, TypeVar

from gitstore.bigfiles import parts, stored
from gitstore.bigfiles.scan import Listing, SourceFile
from gitstore.bigfiles.stat_cache import Stamp, StatCache, file_clock
from gitstore.bigfiles.stored import StoredFile
from gitstore.disk import mapped_writes
from gitstore.errors import FileChanged, GitstoreError
from gitstore.objects import tree
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.objects.writer import ObjectHasher
from gitstore.packs.oid import Kind, Oid
from gitstore.progress import Progress

T = TypeVar("T")


_PATIENCE = 0.1
"""Seconds to wait at the most for the file system's clock to pass a file's time; a tick takes 1 to 10 ms."""


def store(
    listing: Listing, writer: ObjectHasher, cache: StatCache, *, progress: Progress = lambda _: None
) -> Oid:
    """Add all files of a listing to a write, and return the id of their tree.

    With a mere hasher for `writer`, find out what that id would be. Raises like `add_files`.
    """
    return add_trees(listing, add_files(listing, writer, cache, progress=progress), writer)


def add_files(
    listing: Listing, writer: ObjectHasher, cache: StatCache, *, progress: Progress = lambda _: None
) -> dict[Path, tuple[Mode, Oid]]:
    """Add all files of a listing to a write; returns the mode and id that each has in its tree.

    Files that the cache knows are not read. Raises `GitstoreError` if a file changes while it is
    being read; the caller then abandons the write.
    """
    return _sift(
        listing,
        writer,
        cache,
        progress=progress,
        known=lambda file: _known(file, writer, cache),
        of=lambda _, entry: entry,
    )


class Identified(NamedTuple):
    """What a file would be stored as: its blobs in order with their sizes, and its stamp at that time."""

    stamp: Stamp
    blobs: tuple[Oid, ...]
    sizes: tuple[int, ...]


def identify(
    listing: Listing, hasher: ObjectHasher, cache: StatCache, *, progress: Progress = lambda _: None
) -> dict[Path, Identified]:
    """Find out what all files of a listing would be stored as, without storing them.

    Files that the cache knows, and the repository has, are not read. Raises like `store`.
    """
    return _sift(
        listing, hasher, cache,
        progress=progress,
        known=lambda file: _identity(file, hasher.database, cache),
        of=lambda read, _: Identified(read.stamp, tuple(read.blobs), tuple(read.sizes)),
    )  # fmt: skip


def _sift(
    listing: Listing,
    writer: ObjectHasher,
    cache: StatCache,
    *,
    progress: Progress,
    known: Callable[[SourceFile], T | None],
    of: Callable[[_Read, tuple[Mode, Oid]], T],
) -> dict[Path, T]:
    """What is to be said of each file: what is `known` without reading it, else what follows `of` a read."""
    values: dict[Path, T] = {}
    unknown: list[SourceFile] = []
    for file in listing.walk():
        value = known(file)
        if value is None:
            unknown.append(file)
        else:
            values[file.path] = value
            progress(file.stamp.size)
    if len(unknown) > 1:
        for file in unknown:
            _begin_flush(file.path)
    reads = [(file.path, _read(file, writer, cache, progress=progress)) for file in unknown]
    writer.settle()
    for path, read in reads:
        entry = read.finish(writer, path)
        values[path] = of(read, entry)
        if read.trusted and not read.is_attributes:
            cache.put(read.stamp, entry[1])
    return values


def _identity(file: SourceFile, database: ObjectDatabase, cache: StatCache) -> Identified | None:
    """What an unchanged file would be stored as, if the repository has all of it."""
    oid = _cached(file, cache)
    if oid is None or oid not in database:
        return None
    blobs = stored.part_oids(database, oid) if file.stamp.size >= parts.LARGE else (oid,)
    if not all(blob in database for blob in blobs):
        return None
    return Identified(file.stamp, blobs, tuple(database.size(blob) for blob in blobs))


def remember(directory: Path, written: Iterable[StoredFile], cache: StatCache) -> None:
    """Note what the files below a directory hold that were just written there, so that they need not be read.

    For a directory that nobody else writes to yet.
    """
    for file in written:
        if file.mode == Mode.LINK or _is_attributes(Path(file.path)):
            continue
        with FileIO(directory / file.path) as written_file:
            stamp, settled = settle(written_file.fileno())
            # Others may have stored it otherwise than we would: then it is to be read.
            in_parts = file.blobs != (file.entry,)
            if settled and in_parts is (stamp.size >= parts.LARGE) and cache.trusts(written_file.fileno()):
                cache.put(stamp, file.entry)


class _Read(NamedTuple):
    """A file that was read: its stamp, whether the cache may trust that, and its blobs in order."""

    stamp: Stamp
    trusted: bool
    blobs: list[Oid]
    sizes: list[int]
    is_attributes: bool

    def finish(self, writer: ObjectHasher, path: Path) -> tuple[Mode, Oid]:
        """The mode and id of the file's entry, once its blobs are written."""
        if self.stamp.size < parts.LARGE and not self.is_attributes:
            return Mode.FILE, self.blobs[0]
        named = (TreeEntry(Mode.FILE, parts.part_name(i), oid) for i, oid in enumerate(self.blobs))
        return Mode.TREE, writer.add(Kind.TREE, tree.encode(named), path=path)


def _read(source: SourceFile, writer: ObjectHasher, cache: StatCache, *, progress: Progress) -> _Read:
    path = source.path
    try:
        with FileIO(path) as file:
            stamp, settled = settle(file.fileno())
            mapped_writes.flush(file.fileno())  # a page that is written to from now on shows, too
            blobs: list[Oid] = []
            sizes: list[int] = []
            # One that is not as it was listed belongs to another time than the files read before it.
            if stamp == source.stamp:
                for content in _contents(file, stamp.size):
                    writer.add_blob(content, blobs.append)
                    sizes.append(len(content))
                    progress(len(content))
            if sum(sizes) != stamp.size or Stamp.of(os.fstat(file.fileno())) != source.stamp:
                raise FileChanged(path)
            trusted = settled and cache.trusts(file.fileno())
    except FileNotFoundError as error:
        raise FileChanged(path) from error
    except OSError as error:
        raise GitstoreError(f"{path}: {error.strerror}") from error
    return _Read(stamp, trusted, blobs, sizes, _is_attributes(path))


def _contents(file: FileIO, size: int) -> Iterator[bytes]:
    """What becomes the file's blobs: its parts, or all of it."""
    if size >= parts.LARGE:
        return parts.cut(file)
    return iter([file.read(size + 1)])  # one more, so that a file that has grown shows


def settle(descriptor: int) -> tuple[Stamp, bool]:
    """An open file's stamp, once the clock has passed it: whatever is written from now on shows in it.

    False comes with a stamp that does not settle, of a file from the future.
    """
    patience = time.monotonic() + _PATIENCE
    while True:
        stamp = Stamp.of(os.fstat(descriptor))
        settled = stamp.is_settled(file_clock())
        if settled or time.monotonic() > patience:
            return stamp, settled
        time.sleep(0.001)


def _begin_flush(path: Path) -> None:
    """Start writing a file's dirty pages to the disk, before the wait for those of another."""
    with suppress(OSError), FileIO(path) as file:
        mapped_writes.begin_flush(file.fileno())


def _known(file: SourceFile, writer: ObjectHasher, cache: StatCache) -> tuple[Mode, Oid] | None:
    """What an unchanged file holds, if the repository still has all of it."""
    oid = _cached(file, cache)
    if oid is None:
        return None
    if file.stamp.size < parts.LARGE:
        return (Mode.FILE, oid) if writer.has(oid, file.stamp.size) else None
    return (Mode.TREE, oid) if writer.has_tree(oid, file.stamp.size) else None


def _cached(file: SourceFile, cache: StatCache) -> Oid | None:
    """What the cache knows of a file. Attributes are stored otherwise than the same file by another name."""
    return None if _is_attributes(file.path) else cache.get(file.stamp)


def _is_attributes(path: Path) -> bool:
    """Whether stock git would obey this file when it checks a state out. In parts, it does not find it."""
    return tree.is_attributes(os.fsencode(path.name))


def add_trees(listing: Listing, entries: dict[Path, tuple[Mode, Oid]], writer: ObjectHasher) -> Oid:
    """Add the trees of a listing whose files were added; returns the outermost.

    Empty directories are left out.
    """
    found = []
    for name, file in listing.files.items():
        mode, oid = entries[file.path]
        found.append(TreeEntry(mode, name + parts.SUFFIX.encode() if mode is Mode.TREE else name, oid))
    for name, directory in listing.directories.items():
        if next(directory.walk(), None) is not None:
            found.append(TreeEntry(Mode.TREE, name, add_trees(directory, entries, writer)))
    return writer.add(Kind.TREE, tree.encode(found), path=listing.path or "these files")
