"""The files of a stored tree: their paths, modes, and the blobs that each consists of."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from gitstore.bigfiles import parts
from gitstore.bigfiles.parts import Part
from gitstore.errors import Corrupt
from gitstore.objects import tree
from gitstore.objects.database import BrokenObject, ObjectDatabase, TooLarge
from gitstore.objects.links import leads_out
from gitstore.objects.paths import read_tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs import limits, planes
from gitstore.packs.oid import Kind, Oid

DEEPEST = limits.DEEPEST

FileEntry = tuple[int, Oid]
"""The mode and id of a file's entry."""


class StoredFile(NamedTuple):
    """A file in a tree: its path, mode, and parts in order.

    `entry` is the id of the directory of its parts, or of its blob, which is then its only part.
    """

    path: PurePosixPath
    mode: int
    entry: Oid
    parts: tuple[Part, ...]

    @property
    def is_in_parts(self) -> bool:
        """Whether the file is a directory of parts."""
        return self.parts != (Part(self.entry),)

    @classmethod
    def whole(cls, path: PurePosixPath, mode: int, *, blob: Oid) -> StoredFile:
        """Return a file that is one blob."""
        return cls(path, mode, blob, (Part(blob),))

    def size(self, database: ObjectDatabase) -> int:
        """Return the file's size in bytes. Raises `Corrupt` for a part that no reader accepts."""
        return sum(self.part_sizes(database))

    def part_sizes(self, database: ObjectDatabase) -> list[int]:
        """Return the size of each part in bytes. Raises `Corrupt` for a part that no reader accepts."""
        if not self.is_in_parts:
            return [database.size(self.entry)]
        return [part_size(database, part) for part in self.parts]


def list_files(database: ObjectDatabase, root: Oid, *, joined: bool) -> Iterator[StoredFile]:
    """Yield the files of a tree, in the order of the tree.

    With `joined`, a directory of parts is the large file that was cut into them (a state's tree). Otherwise
    it is a directory like any other (a code tree, where the name means nothing). Links are files with the
    mode `Mode.LINK`. Raises `Corrupt` for a tree that gitstore cannot have written: a name or a link that
    leads out of the tree, a duplicate name, parts that are not in sequence, a submodule. For more paths or
    parts than `limits` allows, it raises before the first file.
    """
    check_paths(database, root, joined=joined)
    return _walk(database, root, PurePosixPath(), joined=joined)


class _Extent(NamedTuple):
    """The number of paths and parts of a tree, with duplicates, and its depth."""

    paths: int
    parts: int
    depth: int


def check_paths(database: ObjectDatabase, root: Oid, *, joined: bool) -> None:
    """Raise `Corrupt` if a tree has more paths or parts than `limits` allows, or is too deep.

    A few trees that refer to each other many times can have more paths than could ever be listed. So paths
    are counted first, for which each tree is read once.
    """
    extent = _Survey(database, joined=joined).measure(root)
    if extent.paths > limits.PATHS:
        raise Corrupt(f"tree {root} has {extent.paths:,} paths, where at most {limits.PATHS:,} are read")
    if extent.parts > limits.PARTS:
        raise Corrupt(f"tree {root} has {extent.parts:,} parts, where at most {limits.PARTS:,} are read")


class _Survey:
    """Counts paths and parts. Each tree is read once, however often it occurs."""

    def __init__(self, database: ObjectDatabase, *, joined: bool) -> None:
        self._database = database
        self._joined = joined
        self._extents: dict[Oid, _Extent] = {}
        self._part_counts: dict[Oid, int] = {}

    def measure(self, oid: Oid, *, depth_so_far: int = 0) -> _Extent:
        """Return the extent of a tree. Raises `Corrupt` for one that lies too deep."""
        paths = part_count = depth = 0
        for entry in read_tree(self._database, oid):
            paths += 1
            if entry.is_tree and self._joined and parts.find_suffix(entry.name):
                part_count += self._count_parts(entry.oid)
            elif entry.is_tree:
                below = self._extents.get(entry.oid)
                if depth_so_far + 1 + (below.depth if below is not None else 0) > DEEPEST:
                    raise Corrupt(f"tree {entry.oid} lies more than {DEEPEST} directories deep")
                if below is None:
                    below = self.measure(entry.oid, depth_so_far=depth_so_far + 1)
                paths, part_count = paths + below.paths, part_count + below.parts
                depth = max(depth, below.depth + 1)
        self._extents[oid] = _Extent(paths, part_count, depth)
        return self._extents[oid]

    def _count_parts(self, oid: Oid) -> int:
        if oid not in self._part_counts:
            self._part_counts[oid] = len(read_tree(self._database, oid))
        return self._part_counts[oid]


def list_entries(database: ObjectDatabase, root: Oid) -> dict[PurePosixPath, FileEntry]:
    """Return the entry of each file of a code tree by its path. Raises `Corrupt`."""
    return {file.path: (file.mode, file.entry) for file in list_files(database, root, joined=False)}


def _walk(database: ObjectDatabase, oid: Oid, at: PurePosixPath, *, joined: bool) -> Iterator[StoredFile]:
    if len(at.parts) > DEEPEST:
        raise Corrupt(f"tree {oid} lies more than {DEEPEST} directories deep")
    names = set()
    for entry in read_tree(database, oid):
        suffix = parts.find_suffix(entry.name) if joined and entry.is_tree else b""
        name = entry.name.removesuffix(suffix)
        problem = tree.name_problem(name) or ("is there twice" if name in names else None)
        if problem is not None:
            raise Corrupt(f"tree {oid}: {name!r} {problem}")
        names.add(name)
        path = at / os.fsdecode(name)
        if suffix:
            yield StoredFile(path, Mode.FILE, entry.oid, list_parts(database, entry.oid, suffix))
        elif entry.is_tree:
            yield from _walk(database, entry.oid, path, joined=joined)
        elif entry.mode == Mode.LINK:
            _check_link(path, read_link(database, entry.oid))
            yield StoredFile.whole(path, entry.mode, blob=entry.oid)
        elif entry.is_file:
            yield StoredFile.whole(path, entry.mode, blob=entry.oid)
        else:
            raise Corrupt(f"tree {oid}: {path} is neither file, link nor directory")


def drop_names(entries: Iterable[TreeEntry], names: Collection[str]) -> list[TreeEntry]:
    """Return the entries of a tree without those of some names."""
    dropped = {os.fsencode(name) for name in names}
    return [entry for entry in entries if entry.name not in dropped]


def list_parts(database: ObjectDatabase, oid: Oid, suffix: bytes) -> tuple[Part, ...]:
    """Return the parts of a large file, in order.

    Raises `Corrupt` if one is missing, or if they do not belong in a directory with this suffix.
    """
    try:
        return parts.from_entries(read_tree(database, oid), suffix)
    except ValueError as error:
        raise Corrupt(f"tree {oid}: {error}") from error


def part_size(database: ObjectDatabase, part: Part) -> int:
    """Return the size of a part in bytes, without reading it.

    Raises `Corrupt` if it is larger than a part may be, or holds planes of less than one word.
    """
    kind, size = database.header(part.oid)
    if kind is not Kind.BLOB:
        raise BrokenObject(part.oid, f"it is a {kind.name.lower()}, not a part")
    if size > limits.PART:
        raise TooLarge(part.oid, f"it is a part of {size:,} bytes, where at most {limits.PART:,} are read")
    _check_words(part, size)
    return size


def _check_words(part: Part, size: int) -> None:
    if size < part.width > 1:
        raise BrokenObject(part.oid, f"it is a part of {size} bytes, too short for words of {part.width}")


def read_part(database: ObjectDatabase, part: Part) -> bytes | memoryview:
    """Return the bytes of the file that a part holds, checked against its id. Raises `Corrupt`."""
    content = database.read_as(Kind.BLOB, part.oid, at_most=limits.PART)
    _check_words(part, len(content))
    return planes.join(content, part.width)


def identify_part(content: bytes | memoryview, width: int) -> Part:
    """Return the part that holds these bytes of a file, as words of this width."""
    return Part(Oid.of(Kind.BLOB, planes.split(content, width)), width)


def read_link(database: ObjectDatabase, oid: Oid) -> str:
    """Return the target of a stored link."""
    return os.fsdecode(database.read_as(Kind.BLOB, oid, at_most=limits.LINK))


def _check_link(path: PurePosixPath, target: str) -> None:
    if not target or "\0" in target:
        raise Corrupt(f"{path} is a link to {target!r}, which is no path")
    if leads_out(path, target):
        raise Corrupt(f"{path} is a link to {target}, outside the snapshot")
