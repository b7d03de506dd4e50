"""Sizes of whole trees as files on disk. A tree that several snapshots share is measured once."""

from __future__ import annotations

from gitstore.bigfiles.stored import DEEPEST, StoredFile
from gitstore.errors import Corrupt
from gitstore.models.snapshot import Snapshot
from gitstore.objects.database import AbsentObject, ObjectDatabase
from gitstore.objects.paths import read_tree
from gitstore.packs.oid import Oid


class Sizes:
    """Bytes of the files of snapshots and states of one repository.

    Every object is read at most once. A size is `None` where a partial clone lacks files, which are not
    fetched. Raises `Corrupt` for an object that cannot be read.
    """

    def __init__(self, objects: ObjectDatabase) -> None:
        self._objects = objects
        self._sizes: dict[Oid, int] = {}

    def measure_snapshot(self, snapshot: Snapshot) -> int | None:
        """Return the bytes of all files of a snapshot, as an export writes them."""
        blobs = (snapshot.settings_blob, *((snapshot.lock_blob,) if snapshot.lock_blob is not None else ()))
        try:
            trees = sum(map(self._measure_tree, (snapshot.code_tree, snapshot.state_tree)))
            return trees + sum(map(self._measure_blob, blobs))
        except AbsentObject:
            return None

    def measure_tree(self, oid: Oid) -> int | None:
        """Return the bytes of all files below a tree, in parts or not."""
        try:
            return self._measure_tree(oid)
        except AbsentObject:
            return None

    def _measure_tree(self, oid: Oid, depth: int = 0) -> int:
        if depth > DEEPEST:
            raise Corrupt(f"tree {oid} lies more than {DEEPEST} directories deep")
        size = self._sizes.get(oid)
        if size is None:
            size = 0
            for entry in read_tree(self._objects, oid):
                size += (
                    self._measure_tree(entry.oid, depth + 1)
                    if entry.is_tree
                    else self._measure_blob(entry.oid)
                )
            self._sizes[oid] = size
        return size

    def _measure_blob(self, oid: Oid) -> int:
        if oid not in self._sizes:
            self._sizes[oid] = self._objects.size(oid)
        return self._sizes[oid]


def measure_if_here(file: StoredFile, objects: ObjectDatabase) -> int | None:
    """Return the size of a file in bytes; `None` if a partial clone lacks some of it."""
    try:
        return file.size(objects)
    except AbsentObject:
        return None
