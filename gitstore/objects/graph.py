"""Which objects refer to which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from gitstore.errors import Corrupt
from gitstore.objects import commit, tag, tree
from gitstore.objects.database import BrokenObject, ObjectDatabase
from gitstore.objects.oid import Kind, Oid
from gitstore.objects.tree import Mode


class Reference(NamedTuple):
    """An object that another refers to. `is_leaf` is known for blobs, which need not be read to go on."""

    oid: Oid
    is_leaf: bool
    name: str


def references(database: ObjectDatabase, oid: Oid) -> list[Reference]:
    """What a tag, commit or tree refers to; submodules are not ours. Raises `Corrupt`."""
    kind, content = database.read(oid)
    try:
        if kind is Kind.TREE:
            return [
                Reference(entry.oid, not entry.is_tree, entry.name.decode("utf-8", "replace"))
                for entry in tree.parse(content)
                if entry.mode != Mode.GITLINK
            ]
        if kind is Kind.COMMIT:
            found = commit.parse(content)
            return [Reference(each, False, "") for each in (found.tree, *found.parents)]
        if kind is Kind.TAG:
            target = tag.parse(content)
            return [Reference(target.target, target.target_kind == "blob", "")]
    except ValueError as error:
        raise BrokenObject(oid, f"it is malformed: {error}") from error
    return []


def walk(database: ObjectDatabase, roots: Iterable[Oid], is_wanted: Callable[[Oid], bool]) -> Iterator[Oid]:
    """What can be reached from `roots` by way of wanted objects alone, each once; blobs are not read.

    An object that cannot be read is the end of its way.
    """
    seen = set()
    stack = [(root, False) for root in roots]
    while stack:
        oid, is_leaf = stack.pop()
        if oid in seen or not is_wanted(oid):
            continue
        seen.add(oid)
        yield oid
        if not is_leaf:
            with suppress(Corrupt):
                stack += [(each.oid, each.is_leaf) for each in references(database, oid)]


def topological(database: ObjectDatabase, roots: Iterable[Oid]) -> dict[Oid, tuple[Oid, ...]]:
    """Every object that can be reached from `roots`, with what it refers to: an object comes before those.

    Raises `Corrupt` if one is missing or broken.
    """
    order: list[Oid] = []
    children: dict[Oid, tuple[Oid, ...]] = {}
    for root in roots:
        # Depth first, with a stack of our own: histories are deeper than Python's.
        stack: list[tuple[Oid, bool]] = [(root, False)]
        while stack:
            oid, done = stack.pop()
            if done:
                order.append(oid)
            elif oid not in children:
                found = references(database, oid)
                children[oid] = tuple(reference.oid for reference in found)
                stack.append((oid, True))
                for reference in found:
                    if reference.is_leaf and reference.oid not in children:
                        children[reference.oid] = ()
                        order.append(reference.oid)
                    elif reference.oid not in children:
                        stack.append((reference.oid, False))
    return {oid: children[oid] for oid in reversed(order)}
