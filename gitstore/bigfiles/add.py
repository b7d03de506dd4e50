"""Storing a directory of opaque binary files as a git tree, with large files in parts.

The rules of the format (docs/format.md): a file under 4 MiB is a blob; a larger one is a directory of
parts. Modes are normalised, empty directories are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import FileIO
from pathlib import Path

from gitstore.bigfiles import parts
from gitstore.bigfiles.parts import StateEntry
from gitstore.bigfiles.read_files import cached_entry, is_attributes, read_files
from gitstore.bigfiles.scan import Listing, SourceFile
from gitstore.bigfiles.stat_cache import StatCache, settle
from gitstore.bigfiles.stored import StoredFile
from gitstore.objects import tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.objects.writer import ObjectHasher
from gitstore.packs.oid import Kind, Oid
from gitstore.progress import Progress


def add_directory(
    listing: Listing, writer: ObjectHasher, cache: StatCache, *, progress: Progress = lambda _: None
) -> Oid:
    """Add all files of a listing to a write, and return the id of their tree. Raises like `add_files`."""
    return add_trees(listing, add_files(listing, writer, cache, progress=progress), writer)


def add_files(
    listing: Listing, writer: ObjectHasher, cache: StatCache, *, progress: Progress = lambda _: None
) -> dict[Path, StateEntry]:
    """Add all files of a listing to a write, and return the entry that each has in its tree.

    Files that the cache knows are not read. `progress` is called with the bytes of files that are dealt with.
    Raises `GitstoreError` if a file changes while it is being read; the caller then abandons the write.
    """
    return read_files(
        listing,
        writer,
        cache,
        find_known=lambda file: _find_entry(file, writer, cache),
        convert=lambda _, entry: entry,
        progress=progress,
    )


def add_trees(listing: Listing, entries: dict[Path, StateEntry], writer: ObjectHasher) -> Oid:
    """Add the trees of a listing whose files were added, and return the id of the outermost.

    Empty directories are left out.
    """
    tree_entries = []
    for name, file in listing.files.items():
        entry = entries[file.path]
        tree_entries.append(TreeEntry(entry.mode, name + entry.suffix, entry.oid))
    for name, directory in listing.directories.items():
        if next(directory.walk(), None) is not None:
            tree_entries.append(TreeEntry(Mode.TREE, name, add_trees(directory, entries, writer)))
    return writer.add(Kind.TREE, tree.encode(tree_entries), path=listing.path or "these files")


def remember(directory: Path, written: Iterable[StoredFile], cache: StatCache) -> None:
    """Note the ids of files that were just written below a directory, so that they need not be read.

    No other process may be writing to the directory yet.
    """
    for stored_file in written:
        if stored_file.mode == Mode.LINK or is_attributes(Path(stored_file.path)):
            continue
        with FileIO(directory / stored_file.path) as file:
            stamp, is_settled = settle(file.fileno())
            # Another program may have stored the file in another form than we would: then it must be read.
            as_we_would = stored_file.is_in_parts is (stamp.size >= parts.LARGE)
            if is_settled and as_we_would and cache.trusts(file.fileno()):
                suffix = parts.suffix_of(stored_file.parts) if stored_file.is_in_parts else b""
                cache.put(stamp, StateEntry(stored_file.entry, suffix))


def _find_entry(file: SourceFile, writer: ObjectHasher, cache: StatCache) -> StateEntry | None:
    """Return the entry of an unchanged file, if the repository still has all of it."""
    entry = cached_entry(file, cache)
    if entry is None:
        return None
    has = writer.has_tree if entry.suffix else writer.has
    return entry if has(entry.oid, file.stamp.size) else None
