"""Hashing a directory on disk: the ids that its files would have in git, without storing them.

Files that the stat cache knows are not read. Nothing is written but that cache.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gitstore.bigfiles import stored
from gitstore.bigfiles.add import add_files, add_trees
from gitstore.bigfiles.parts import Part, StateEntry
from gitstore.bigfiles.read_files import cached_entry, read_files
from gitstore.bigfiles.scan import Listing, SourceFile
from gitstore.bigfiles.stat_cache import Stamp, StatCache
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.writer import ObjectHasher
from gitstore.packs.oid import Oid
from gitstore.progress import Progress


class HashedDirectory(NamedTuple):
    """The tree that a directory would be stored as, and the entry of each file."""

    tree: Oid
    entries: dict[Path, StateEntry]


class HashedFile(NamedTuple):
    """The parts that a file would be stored in, their sizes, and the stamp of the file."""

    stamp: Stamp
    parts: tuple[Part, ...]
    sizes: tuple[int, ...]


def hash_directory(
    listing: Listing, database: ObjectDatabase, cache: StatCache, *, progress: Progress = lambda _: None
) -> HashedDirectory:
    """Return what a listing would be stored as, and save the cache.

    `progress` is called with the bytes of files that are dealt with. Raises `GitstoreError` if a file changes
    while it is being read.
    """
    with ObjectHasher(database) as hasher:
        entries = add_files(listing, hasher, cache, progress=progress)
        tree = add_trees(listing, entries, hasher)
    cache.save()
    return HashedDirectory(tree, entries)


def hash_files(
    listing: Listing, database: ObjectDatabase, cache: StatCache, *, progress: Progress = lambda _: None
) -> dict[Path, HashedFile]:
    """Return the parts that each file of a listing would be stored in, and save the cache.

    A file that the cache knows is read all the same if the repository lacks one of its parts. Raises like
    `hash_directory`.
    """
    with ObjectHasher(database) as hasher:
        hashed_files = read_files(
            listing,
            hasher,
            cache,
            find_known=lambda file: _find_parts(file, database, cache),
            convert=lambda read, _: HashedFile(read.stamp, tuple(read.parts), tuple(read.sizes)),
            progress=progress,
        )
    cache.save()
    return hashed_files


def _find_parts(file: SourceFile, database: ObjectDatabase, cache: StatCache) -> HashedFile | None:
    """Return the parts of an unchanged file, if the repository has all of them."""
    entry = cached_entry(file, cache)
    if entry is None or entry.oid not in database:
        return None
    parts = stored.list_parts(database, entry.oid, entry.suffix) if entry.suffix else (Part(entry.oid),)
    if not all(part.oid in database for part in parts):
        return None
    return HashedFile(file.stamp, parts, tuple(database.size(part.oid) for part in parts))
