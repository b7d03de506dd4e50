"""Objects of a repository as the ledger wants them: their bytes now, and what they refer to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from gitstore.ledger.values import StoredObject
from gitstore.objects.database import MissingObject, ObjectDatabase
from gitstore.objects.walk import list_references
from gitstore.packs.oid import Kind, Oid

FindLive = Callable[[Collection[Oid]], Collection[Oid]]
"""Returns those of some objects whose children need no look: `Ledger.find_live`."""


def collect_stored(
    objects: ObjectDatabase, targets: Iterable[Oid], find_live: FindLive
) -> dict[Oid, StoredObject]:
    """Return what some targets need, without what is live already and what that needs.

    Blobs are not read. Raises `Corrupt` if an object is missing or broken.
    """
    stored: dict[Oid, StoredObject] = {}
    waiting = dict.fromkeys(targets, False)
    while waiting:
        live = set(find_live(waiting))
        following: dict[Oid, bool] = {}
        for oid, is_leaf in waiting.items():
            if oid not in live and oid not in stored:
                stored[oid] = item = _read(objects, oid, is_leaf=is_leaf, following=following)
                following.update({child: following.get(child, False) for child in item.children})
        waiting = {oid: is_leaf for oid, is_leaf in following.items() if oid not in stored}
    return stored


def _read(objects: ObjectDatabase, oid: Oid, *, is_leaf: bool, following: dict[Oid, bool]) -> StoredObject:
    size = measure(objects, oid)
    kind = Kind.BLOB if is_leaf else objects.header(oid)[0]
    if kind is Kind.BLOB:
        return StoredObject(kind, size)
    references = list_references(objects, oid)
    following.update({reference.oid: reference.is_leaf for reference in references})
    return StoredObject(kind, size, tuple(dict.fromkeys(reference.oid for reference in references)))


def measure(objects: ObjectDatabase, oid: Oid) -> int:
    """Return the bytes of an object on disk, git's `objectsize:disk`. Raises `MissingObject`."""
    packed = objects.find(oid)
    if packed is not None:
        return packed.disk_size
    path = objects.loose_path(oid)
    if path is None:
        raise MissingObject(oid)
    return path.stat().st_size
