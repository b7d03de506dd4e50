"""Walking from object to object: which objects refer to which."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from gitstore.errors import Corrupt
from gitstore.objects import commit, tag, tree
from gitstore.objects.database import BrokenObject, ObjectDatabase, TooLarge
from gitstore.packs.oid import Kind, Oid


class Reference(NamedTuple):
    """An object that another refers to. A leaf refers to no other object, so a walk need not read it."""

    oid: Oid
    is_leaf: bool
    name: bytes


class Node(NamedTuple):
    """An object, and the objects that it refers to, with duplicates; of a commit, the tree comes first."""

    kind: Kind
    children: tuple[Oid, ...]


LEAF = Node(Kind.BLOB, ())


def list_references(database: ObjectDatabase, oid: Oid) -> list[Reference]:
    """Return what a tag, commit or tree refers to, without submodules. Raises `Corrupt`."""
    return list(map(Reference._make, _parse_references(oid, *database.read_inner(oid))))


def _parse_references(oid: Oid, kind: Kind, content: bytes) -> list[tuple[Oid, bool, bytes]]:
    """Return the same as plain tuples: making a `Reference` of each takes longer than all the rest."""
    try:
        if kind is Kind.TREE:
            return tree.list_children(content)
        if kind is Kind.COMMIT:
            top, parents = commit.parse(content)
            return [(child, False, b"") for child in (top, *parents)]
        if kind is Kind.TAG:
            target, word = tag.read_target(content)
            return [(target, word == "blob", b"")]
    except ValueError as error:
        raise BrokenObject(oid, f"it is malformed: {error}") from error
    return []


def walk(database: ObjectDatabase, roots: Iterable[Oid], is_wanted: Callable[[Oid], bool]) -> Iterator[Oid]:
    """Yield the objects that can be reached from `roots` through wanted objects, each once.

    Blobs are not read. An unreadable object is yielded, but not followed. Raises `TooLarge`.
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
            try:
                children = _parse_references(oid, *database.read_inner(oid))
            except TooLarge:
                raise  # the objects behind it exist, and gc must not take them for dead
            except Corrupt:
                continue
            stack += [(child, is_leaf) for child, is_leaf, _ in children]


def sort_topologically(
    database: ObjectDatabase, roots: Iterable[Oid], *, absent: Collection[Oid] = ()
) -> dict[Oid, Node]:
    """Return every object that can be reached from `roots`, each before the objects that it refers to.

    References to `absent` objects are left out. Raises `Corrupt` if another object is missing or broken.
    """
    order: list[Oid] = []
    nodes: dict[Oid, Node] = {}
    for root in roots:
        # Depth first, with an explicit stack: histories are deeper than Python's recursion limit.
        stack: list[tuple[Oid, bool]] = [(root, False)]
        while stack:
            oid, is_visited = stack.pop()
            if is_visited:
                order.append(oid)
            elif oid not in nodes:
                kind, content = database.read_inner(oid)
                children = _parse_references(oid, kind, content)
                if absent:
                    children = [child for child in children if child[0] not in absent]
                nodes[oid] = Node(kind, tuple([child for child, _, _ in children]))
                stack.append((oid, True))
                for child, is_leaf, _ in children:
                    if child in nodes:
                        continue
                    if is_leaf:
                        nodes[child] = LEAF
                        order.append(child)
                    else:
                        stack.append((child, False))
    return {oid: nodes[oid] for oid in reversed(order)}
