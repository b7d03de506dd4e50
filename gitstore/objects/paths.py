"""Reading trees of the repository, and looking up a path in them."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import Protocol

from gitstore.errors import Corrupt
from gitstore.objects import tree
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs.oid import Kind, Oid


class ObjectSource(Protocol):
    """Reads objects: those of a repository, or of a push that is not accepted yet."""

    def read_as(self, kind: Kind, oid: Oid, *, at_most: int = ...) -> bytes:
        """Return the content of an object of this kind. Raises `Corrupt`, also for a blob over `at_most`."""


def read_tree(database: ObjectSource, oid: Oid) -> list[TreeEntry]:
    """Return the entries of a tree, in git's order. Raises `Corrupt`."""
    try:
        return tree.parse(database.read_as(Kind.TREE, oid))
    except ValueError as error:
        raise Corrupt(f"tree {oid} is malformed: {error}") from error


def find_entry(database: ObjectDatabase, root: Oid, path: PurePosixPath) -> TreeEntry | None:
    """Return the entry at a path below the tree `root`; `None` if there is none. Raises `Corrupt`.

    The empty path has the entry of `root` itself, whose name is empty.
    """
    entry = TreeEntry(Mode.TREE, b"", root)
    for step in path.parts:
        if not entry.is_tree:
            return None
        entries = {below.name: below for below in read_tree(database, entry.oid)}
        if os.fsencode(step) not in entries:
            return None
        entry = entries[os.fsencode(step)]
    return entry


def find_tree(database: ObjectDatabase, root: Oid, path: PurePosixPath) -> Oid | None:
    """Return the tree at a path below `root`; `None` if no directory is there. Raises `Corrupt`."""
    entry = find_entry(database, root, path)
    return entry.oid if entry is not None and entry.is_tree else None
