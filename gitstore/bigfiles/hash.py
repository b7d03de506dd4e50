"""Hashing a directory on disk: the ids that its files would have in git, without storing them.

Files that the stat cache knows are not read. Nothing is written but that cache.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from gitstore.bigfiles import parts, stored
from gitstore.bigfiles.add import add_files, add_trees
from gitstore.bigfiles.read_files import cached_oid, read_files
from gitstore.bigfiles.scan import Listing, SourceFile
from gitstore.bigfiles.stat_cache import Stamp, StatCache
from gitstore.bigfiles.stored import FileEntry
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.writer import ObjectHasher
from gitstore.packs.oid import Oid
from gitstore.progress import Progress


class HashedDirectory(NamedTuple):
    """The tree that a directory would be stored as, and the mode and id of each file."""

    tree: Oid
    entries: dict[Path, FileEntry]


class HashedFile(NamedTuple):
    """The blobs that a file would be stored as, in order, their sizes, and the stamp of the file."""

    stamp: Stamp
    blobs: tuple[Oid, ...]
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


def hash_blobs(
    listing: Listing, database: ObjectDatabase, cache: StatCache, *, progress: Progress = lambda _: None
) -> dict[Path, HashedFile]:
    """Return the blobs that each file of a listing would be stored as, and save the cache.

    A file that the cache knows is read all the same if the repository lacks one of its blobs. Raises like
    `hash_directory`.
    """
    with ObjectHasher(database) as hasher:
        hashed_files = read_files(
            listing,
            hasher,
            cache,
            find_known=lambda file: _find_blobs(file, database, cache),
            convert=lambda read, _: HashedFile(read.stamp, tuple(read.blobs), tuple(read.sizes)),
            progress=progress,
        )
    cache.save()
    return hashed_files


def _find_blobs(file: SourceFile, database: ObjectDatabase, cache: StatCache) -> HashedFile | None:
    """Return the blobs of an unchanged file, if the repository has all of them."""
    oid = cached_oid(file, cache)
    if oid is None or oid not in database:
        return None
    blobs = stored.list_parts(database, oid) if file.stamp.size >= parts.LARGE else (oid,)
    if not all(blob in database for blob in blobs):
        return None
    return HashedFile(file.stamp, blobs, tuple(database.size(blob) for blob in blobs))
