"""The files of a stored tree: their paths, modes, and the blobs that each is joined from."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator
from pathlib import PurePosixPath
from typing import NamedTuple

from gitstore.bigfiles import parts
from gitstore.errors import Corrupt
from gitstore.objects import tree
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.paths import read_tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid

DEEPEST = limits.DEEPEST

_SUFFIX = parts.SUFFIX.encode()

FileEntry = tuple[int, Oid]
"""The mode and id of a file's entry."""


class StoredFile(NamedTuple):
    """A file in a tree: its path there, its mode, its entry's id, and its blobs in order.

    `entry` is the id of its blob, or of the directory of its parts.
    """

    path: PurePosixPath
    mode: int
    entry: Oid
    blobs: tuple[Oid, ...]

    def size(self, database: ObjectDatabase) -> int:
        """Return the file's size in bytes."""
        return sum(database.size(blob) for blob in self.blobs)


def files(database: ObjectDatabase, root: Oid, *, joined: bool) -> Iterator[StoredFile]:
    """The files of a tree, in the order of the tree.

    With `joined`, directories of parts are the large files they were cut from (a state's tree); else
    they are directories like others (a code tree, where the name means nothing). Links come as files
    with mode `Mode.LINK`. Raises `Corrupt` for a tree that gitstore cannot have written: a name or a
    link that would lead elsewhere, a name that is there twice, parts that are not in sequence, a
    submodule; and, before the first file, for more paths or parts than `limits` has.
    """
    check_paths(database, root, joined=joined)
    return _files(database, root, PurePosixPath(), joined=joined)


class _Extent(NamedTuple):
    """How many paths and parts a tree has, with duplicates, and how deep it is."""

    paths: int
    parts: int
    depth: int


def check_paths(database: ObjectDatabase, root: Oid, *, joined: bool) -> None:
    """Raise `Corrupt` if a tree has more paths or parts than `limits` allows, or is too deep.

    A few trees that refer to each other many times can have more paths than could ever be listed. Each tree
    is read once.
    """
    extent = _extent(database, root, joined=joined, seen={}, depth_so_far=0)
    if extent.paths > limits.PATHS:
        raise Corrupt(f"tree {root} has {extent.paths:,} paths, where at most {limits.PATHS:,} are read")
    if extent.parts > limits.PARTS:
        raise Corrupt(f"tree {root} has {extent.parts:,} parts, where at most {limits.PARTS:,} are read")


def _extent(
    database: ObjectDatabase, oid: Oid, *, joined: bool, seen: dict[Oid, _Extent], depth_so_far: int
) -> _Extent:
    paths = part_count = depth = 0
    for entry in read_tree(database, oid):
        paths += 1
        if entry.is_tree and joined and entry.name.endswith(_SUFFIX):
            part_count += len(read_tree(database, entry.oid))
        elif entry.is_tree:
            below = seen.get(entry.oid)
            if depth_so_far + 1 + (below.depth if below is not None else 0) > DEEPEST:
                raise Corrupt(f"tree {entry.oid} lies more than {DEEPEST} directories deep")
            if below is None:
                below = _extent(database, entry.oid, joined=joined, seen=seen, depth_so_far=depth_so_far + 1)
            paths, part_count = paths + below.paths, part_count + below.parts
            depth = max(depth, below.depth + 1)
    seen[oid] = _Extent(paths, part_count, depth)
    return seen[oid]


def file_entries(database: ObjectDatabase, root: Oid) -> dict[PurePosixPath, FileEntry]:
    """The files of a code tree, as `staging.listing` tells those of a working copy. Raises `Corrupt`."""
    return {file.path: (file.mode, file.entry) for file in files(database, root, joined=False)}


def _files(database: ObjectDatabase, oid: Oid, at: PurePosixPath, *, joined: bool) -> Iterator[StoredFile]:
    if len(at.parts) > DEEPEST:
        raise Corrupt(f"tree {oid} lies more than {DEEPEST} directories deep")
    names = set()
    for entry in read_tree(database, oid):
        in_parts = joined and entry.is_tree and entry.name.endswith(_SUFFIX)
        name = entry.name.removesuffix(_SUFFIX) if in_parts else entry.name
        problem = tree.name_problem(name) or ("is there twice" if name in names else None)
        if problem is not None:
            raise Corrupt(f"tree {oid}: {name!r} {problem}")
        names.add(name)
        path = at / os.fsdecode(name)
        if in_parts:
            yield StoredFile(path, Mode.FILE, entry.oid, part_oids(database, entry.oid))
        elif entry.is_tree:
            yield from _files(database, entry.oid, path, joined=joined)
        elif entry.mode == Mode.LINK:
            _check_link(path, link_target(database, entry.oid))
            yield StoredFile(path, entry.mode, entry.oid, (entry.oid,))
        elif entry.is_file:
            yield StoredFile(path, entry.mode, entry.oid, (entry.oid,))
        else:
            raise Corrupt(f"tree {oid}: {path} is neither file, link nor directory")


def without(entries: Iterable[TreeEntry], names: Collection[str]) -> list[TreeEntry]:
    """Return the entries that have none of some names."""
    unwanted = {os.fsencode(name) for name in names}
    return [entry for entry in entries if entry.name not in unwanted]


def part_oids(database: ObjectDatabase, oid: Oid) -> tuple[Oid, ...]:
    """The parts of a large file, in order. Raises `Corrupt` if one is missing in the sequence."""
    entries = read_tree(database, oid)
    for number, entry in enumerate(entries):
        if not entry.is_file or entry.name != parts.part_name(number):
            raise Corrupt(f"tree {oid}: {entry.name!r} stands where part {number:08d} should")
    return tuple(entry.oid for entry in entries)


def link_target(database: ObjectDatabase, oid: Oid) -> str:
    """Return the target of a stored link."""
    return os.fsdecode(database.read_as(Kind.BLOB, oid, at_most=limits.LINK))


def leads_out(path: PurePosixPath, target: str) -> bool:
    """Whether a link at `path` of a tree may lead out of the tree, by itself or through other links."""
    steps = PurePosixPath(target).parts
    up = next((i for i, step in enumerate(steps) if step != ".."), len(steps))
    return target.startswith("/") or up > len(path.parts) - 1 or ".." in steps[up:]


def _check_link(path: PurePosixPath, target: str) -> None:
    if not target or "\0" in target:
        raise Corrupt(f"{path} is a link to {target!r}, which is no path")
    if leads_out(path, target):
        raise Corrupt(f"{path} is a link to {target}, outside the snapshot")
