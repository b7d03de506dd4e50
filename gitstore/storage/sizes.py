"""Bytes of files as they are on disk, of whole trees: what several of them share is counted up once."""

from __future__ import annotations

from gitstore.bigfiles.stored import DEEPEST
from gitstore.errors import Corrupt
from gitstore.models.snapshot import Snapshot
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.paths import read_tree
from gitstore.packs.oid import Oid


class Sizes:
    """Bytes of the files of snapshots and states of one repository.

    Every object is looked at once, however many of them have it. Raises `Corrupt` for what cannot be read.
    """

    def __init__(self, objects: ObjectDatabase) -> None:
        self._objects = objects
        self._sizes: dict[Oid, int] = {}

    def snapshot(self, found: Snapshot) -> int:
        """The bytes of all files of a snapshot: what an export takes."""
        single = (found.settings_blob, *((found.lock,) if found.lock is not None else ()))
        return self.tree(found.code) + self.tree(found.state) + sum(map(self._blob, single))

    def tree(self, oid: Oid, depth: int = 0) -> int:
        """The bytes of all files below a tree, in parts or not."""
        if depth > DEEPEST:
            raise Corrupt(f"tree {oid} lies more than {DEEPEST} directories deep")
        size = self._sizes.get(oid)
        if size is None:
            size = 0
            for entry in read_tree(self._objects, oid):
                size += self.tree(entry.oid, depth + 1) if entry.is_tree else self._blob(entry.oid)
            self._sizes[oid] = size
        return size

    def _blob(self, oid: Oid) -> int:
        if oid not in self._sizes:
            self._sizes[oid] = self._objects.size(oid)
        return self._sizes[oid]
