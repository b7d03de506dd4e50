"""Hashing the cache, for `verify`: stamps do not show what a failing disk has done to a file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO

from gitstore.bigfiles import stored
from gitstore.bigfiles.parts import Part
from gitstore.bigfiles.stored import StoredFile, identify_part
from gitstore.disk import locks
from gitstore.disk.cores import core_count
from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid
from gitstore.progress import Progress
from gitstore.run.cache.cache import Cache
from gitstore.run.cache.entry import CacheEntry

_BLOCK = 1 << 20


def check_cache(cache: Cache, repository: Repository, progress: Progress = lambda _: None) -> list[str]:
    """Hash the cached files of a repository's trees, and return a line for each file that is wrong.

    An entry whose stamps do not match is no problem: it is made again before it is used. `progress` is called
    with the bytes read. Writes nothing.
    """
    problems = []
    for entry in cache.list_entries():
        with locks.directory(entry.path, share=True) as held:
            if held and entry.is_tree and entry.oid in repository.objects and entry.is_sound():
                problems += [
                    f"{path}: {message}; gitstore gc --cache removes it, and gitstore writes it again when"
                    " needed"
                    for path, message in _find_problems(repository.objects, entry, progress)
                ]
    return problems


def _find_problems(
    objects: ObjectDatabase, entry: CacheEntry, progress: Progress
) -> Iterator[tuple[Path, str]]:
    """Yield the path and problem of each file of an entry that differs from its tree, is missing or extra."""
    try:
        expected = {
            entry.files / file.path: file
            for file in stored.list_files(objects, entry.oid, joined=entry.kind == "state")
        }
    except Corrupt:
        return  # verify reports the tree itself; there is nothing to compare with
    on_disk = {Path(folder, name) for folder, _, names in os.walk(entry.files) for name in names}
    on_disk |= {path for path in expected if path.is_symlink()}
    for path in sorted(on_disk ^ expected.keys()):
        yield path, "is missing in the cache" if path in expected else "does not belong in the cache"
    with ThreadPoolExecutor(core_count(), thread_name_prefix="gitstore-cache") as pool:
        paths = sorted(on_disk & expected.keys())
        for path, (is_same, size) in zip(
            paths, pool.map(partial(_compare, objects), paths, map(expected.__getitem__, paths)), strict=True
        ):
            progress(size)
            if not is_same:
                yield path, "is damaged in the cache"


def _compare(objects: ObjectDatabase, path: Path, file: StoredFile) -> tuple[bool, int]:
    """Return whether a file holds what is stored, and the number of bytes that were read."""
    if file.mode == Mode.LINK:
        return path.is_symlink() and os.fsencode(path.readlink()) == objects.read(file.entry)[1], 0
    size_read = 0
    try:
        with path.open("rb") as content:
            for part, size in zip(file.parts, file.part_sizes(objects), strict=True):
                size_read += size
                if _identify_next(content, size, part=part) != part:
                    return False, size_read
            return not content.read(1), size_read
    except OSError:
        return False, size_read


def _identify_next(file: BinaryIO, size: int, *, part: Part) -> Part:
    """Return the part that the next `size` bytes are. Only those of planes are in memory at once."""
    if part.width > 1:
        return identify_part(file.read(size), part.width)
    digest = Oid.hasher(Kind.BLOB, size)
    while size and (data := file.read(min(size, _BLOCK))):
        digest.update(data)
        size -= len(data)
    return Part(Oid(digest.digest()))
