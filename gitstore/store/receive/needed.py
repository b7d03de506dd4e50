"""What a push needs, as the ledger wants it: for each ref the objects that are charged to it first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from gitstore.ledger.values import StoredObject
from gitstore.objects import walk as graph
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.refs import Namespace
from gitstore.store.receive.facts import Facts
from gitstore.store.receive.quarantine import Quarantine

FindLive = Callable[[Collection[Oid]], Collection[Oid]]
"""Returns those of some objects that the ledger has already."""


class NeededObjects(NamedTuple):
    """The objects that a ref needs and that no ref before it in the order of charging does.

    `tag` is the tag object of a snapshot, else `None`. Objects of the quarantine have their bytes there.
    Those that exist already, but that no ref holds, have theirs in the repository.
    """

    ref: str
    tag: Oid | None
    objects: Mapping[Oid, StoredObject]


def list_needed(facts: Facts, find_live: FindLive) -> list[NeededObjects]:
    """Return what each created or moved ref needs, in the order in which objects are charged.

    Trees, commits and tags are read once more. Raises `Corrupt`.
    """
    objects: list[dict[Oid, StoredObject]] = [{} for _ in facts.ordered]
    for oid, number, size in _list_marked(facts, find_live):
        objects[number - 1][oid] = read_object(facts.quarantine, oid, size)
    return [
        NeededObjects(move.ref, move.new if Namespace.of(move.ref) is Namespace.SNAPSHOT else None, needed)
        for move, needed in zip(facts.ordered, objects, strict=True)
    ]


def _list_marked(facts: Facts, find_live: FindLive) -> Iterator[tuple[Oid, int, int]]:
    """Yield each object with the number of its ref, from 1 on, and its bytes."""
    table, quarantine = facts.quarantine.table, facts.quarantine
    for at, oid in enumerate(table):
        if table.marks[at]:
            yield oid, table.marks[at], table.disk_at(at)
    live = set(find_live(facts.reused.keys())) if facts.reused else set()
    for oid, number in facts.reused.items():
        if number and oid not in live:
            yield oid, number, quarantine.measure_stored(oid)


def read_object(quarantine: Quarantine, oid: Oid, size: int) -> StoredObject:
    """Return an object with its bytes in a pack, and what it refers to. Raises `Corrupt`."""
    kind = quarantine.header(oid)[0]
    if kind is Kind.BLOB:
        return StoredObject(kind, size)
    children = (reference.oid for reference in graph.list_references(quarantine.objects, oid))
    return StoredObject(kind, size, tuple(dict.fromkeys(children)))
