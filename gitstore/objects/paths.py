"""Trees as the repository has them."""

from __future__ import annotations

from gitstore.errors import Corrupt
from gitstore.objects import tree
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.tree import TreeEntry
from gitstore.packs.oid import Kind, Oid


def read_tree(database: ObjectDatabase, oid: Oid) -> list[TreeEntry]:
    """The entries of a tree. Raises `Corrupt`."""
    try:
        return tree.parse(database.read_as(Kind.TREE, oid))
    except ValueError as error:
        raise Corrupt(f"tree {oid} is malformed: {error}") from error
