"""Reading files of a listing into objects, each once; files that the stat cache knows are not read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from io import FileIO
from pathlib import Path
from typing import NamedTuple, TypeVar

from gitstore.bigfiles import parts
from gitstore.bigfiles.cut_file import CutPart, count_parts, cut_file
from gitstore.bigfiles.parts import Part, StateEntry
from gitstore.bigfiles.scan import Listing, SourceFile
from gitstore.bigfiles.stat_cache import Stamp, StatCache, settle
from gitstore.disk import mapped_writes
from gitstore.errors import FileChanged, GitstoreError
from gitstore.objects import tree
from gitstore.objects.writer import ObjectHasher
from gitstore.packs.oid import Kind, Oid
from gitstore.progress import Progress

T = TypeVar("T")


class ReadFile(NamedTuple):
    """A file that was read: its stamp, whether the cache may trust that, and its parts in order."""

    stamp: Stamp
    is_trusted: bool
    parts: list[Part]
    sizes: list[int]
    is_attributes: bool

    def add_entry(self, writer: ObjectHasher, path: Path) -> StateEntry:
        """Return the file's entry. Adds the tree of its parts, if it has parts.

        Call `writer.settle()` first: before that, some parts may have no id yet.
        """
        if self.stamp.size < parts.LARGE and not self.is_attributes:
            return StateEntry(self.parts[0].oid, b"")
        content = tree.encode(parts.to_entries(self.parts))
        return StateEntry(writer.add(Kind.TREE, content, path=path), parts.suffix_of(self.parts))


def read_files(
    listing: Listing,
    writer: ObjectHasher,
    cache: StatCache,
    *,
    find_known: Callable[[SourceFile], T | None],
    convert: Callable[[ReadFile, StateEntry], T],
    progress: Progress,
) -> dict[Path, T]:
    """Return `find_known(file)` for each file; if that is None, read the file and return `convert` of it.

    The files that are read are added to `writer` and noted in the cache. `progress` is called with the bytes
    of all files, read or not. Raises `GitstoreError` if a file cannot be read or changes meanwhile.
    """
    values: dict[Path, T] = {}
    unknown: list[SourceFile] = []
    for file in listing.walk():
        value = find_known(file)
        if value is None:
            unknown.append(file)
        else:
            values[file.path] = value
            progress(file.stamp.size)
    if len(unknown) > 1:
        for file in unknown:
            _begin_flush(file.path)
    writer.expect_blobs(sum(file.stamp.size for file in unknown), partial(_count_all_parts, unknown))
    reads = [(file.path, _read_file(file, writer, cache, progress=progress)) for file in unknown]
    writer.settle()
    for path, read in reads:
        entry = read.add_entry(writer, path)
        values[path] = convert(read, entry)
        if read.is_trusted and not read.is_attributes:
            cache.put(read.stamp, entry)
    return values


def _count_all_parts(files: Sequence[SourceFile]) -> int | None:
    """Return how many parts the files will have together; `None` if that depends on their content."""
    total = 0
    for file in files:
        count = _count_parts(file)
        if count is None:
            return None
        total += count
    return total


def _count_parts(source: SourceFile) -> int | None:
    if source.stamp.size < parts.LARGE:
        return 1
    try:
        with FileIO(source.path) as file:
            return count_parts(file, source.stamp.size)
    except OSError:
        return None  # reading the file will say what is wrong


def cached_entry(file: SourceFile, cache: StatCache) -> StateEntry | None:
    """Return the file's entry as the cache has it; `None` if the file must be read.

    A file of attributes is never cached: under another name, the same file is stored in another form.
    """
    return None if is_attributes(file.path) else cache.get(file.stamp)


def is_attributes(path: Path) -> bool:
    """Whether stock git would obey this file in a checkout of a state. In parts, it has no effect."""
    return tree.is_attributes(os.fsencode(path.name))


def _read_file(source: SourceFile, writer: ObjectHasher, cache: StatCache, *, progress: Progress) -> ReadFile:
    path = source.path
    try:
        with FileIO(path) as file:
            stamp, is_settled = settle(file.fileno())
            mapped_writes.flush(file.fileno())  # so that a later write through a map shows in the times
            read_parts: list[Part] = []
            sizes: list[int] = []
            # All files must have their contents of one time, so a file may not change after it was listed.
            if stamp == source.stamp:
                for content, width in _read_parts(file, stamp.size):
                    writer.add_blob(content, partial(_append, read_parts, width), width=width)
                    sizes.append(len(content))
                    progress(len(content))
            if sum(sizes) != stamp.size or Stamp.of(os.fstat(file.fileno())) != source.stamp:
                raise FileChanged(path)
            is_trusted = is_settled and cache.trusts(file.fileno())
    except FileNotFoundError as error:
        raise FileChanged(path) from error
    except OSError as error:
        raise GitstoreError(f"{path}: {error.strerror}") from error
    return ReadFile(stamp, is_trusted, read_parts, sizes, is_attributes(path))


def _append(read_parts: list[Part], width: int, oid: Oid) -> None:
    read_parts.append(Part(oid, width))


def _read_parts(file: FileIO, size: int) -> Iterator[CutPart]:
    """Yield the parts of an open file, or all of a small one."""
    if size >= parts.LARGE:
        return cut_file(file, size)
    return iter([CutPart(file.read(size + 1), 1)])  # the byte after the end shows that a file has grown


def _begin_flush(path: Path) -> None:
    """Start writing a file's dirty pages to disk, before waiting for those of another file."""
    with suppress(OSError), FileIO(path) as file:
        mapped_writes.begin_flush(file.fileno())
