"""Which objects refer to which."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import NamedTuple

from gitstore.errors import Corrupt
from gitstore.objects import commit, tag, tree
from gitstore.objects.database import BrokenObject, ObjectDatabase, TooLarge
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid


class Reference(NamedTuple):
    """An object that another refers to. `is_leaf` is known for blobs, which need not be read to go on."""

    oid: Oid
    is_leaf: bool
    name: bytes


class Node(NamedTuple):
    """An object, and those that it refers to, as often as it does: of a commit first the tree."""

    kind: Kind
    children: tuple[Oid, ...]


LEAF = Node(Kind.BLOB, ())


def references(database: ObjectDatabase, oid: Oid) -> list[Reference]:
    """What a tag, commit or tree refers to; submodules are not ours. Raises `Corrupt`."""
    return list(map(Reference._make, _references(oid, *database.read_inner(oid))))


def _references(oid: Oid, kind: Kind, content: bytes) -> list[tuple[Oid, bool, bytes]]:
    """The same without the names of the fields, which take longer to give than all else here."""
    try:
        if kind is Kind.TREE:
            found = tree.parse_loosely(content)
            return [(child, mode != Mode.TREE, name) for mode, name, child in found if mode != Mode.GITLINK]
        if kind is Kind.COMMIT:
            top, parents = commit.parse(content)
            return [(each, False, b"") for each in (top, *parents)]
        if kind is Kind.TAG:
            target, word = tag.target(content)
            return [(target, word == "blob", b"")]
    except ValueError as error:
        raise BrokenObject(oid, f"it is malformed: {error}") from error
    return []


def walk(database: ObjectDatabase, roots: Iterable[Oid], is_wanted: Callable[[Oid], bool]) -> Iterator[Oid]:
    """What can be reached from `roots` by way of wanted objects alone, each once; blobs are not read.

    An object that cannot be read is the end of its way. Raises `TooLarge`.
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
                found = _references(oid, *database.read_inner(oid))
            except TooLarge:
                raise  # what lies behind it is there, and gc must not take it for dead
            except Corrupt:
                continue
            stack += [(child, is_leaf) for child, is_leaf, _ in found]


def topological(
    database: ObjectDatabase, roots: Iterable[Oid], *, absent: Collection[Oid] = ()
) -> dict[Oid, Node]:
    """Every object that can be reached from `roots`: an object comes before those that it refers to.

    References to what is known to be `absent` are left out. Raises `Corrupt` if one is missing or broken.
    """
    order: list[Oid] = []
    nodes: dict[Oid, Node] = {}
    for root in roots:
        # Depth first, with a stack of our own: histories are deeper than Python's.
        stack: list[tuple[Oid, bool]] = [(root, False)]
        while stack:
            oid, done = stack.pop()
            if done:
                order.append(oid)
            elif oid not in nodes:
                kind, content = database.read_inner(oid)
                found = _references(oid, kind, content)
                if absent:
                    found = [each for each in found if each[0] not in absent]
                nodes[oid] = Node(kind, tuple([child for child, _, _ in found]))
                stack.append((oid, True))
                for child, is_leaf, _ in found:
                    if child in nodes:
                        continue
                    if is_leaf:
                        nodes[child] = LEAF
                        order.append(child)
                    else:
                        stack.append((child, False))
    return {oid: nodes[oid] for oid in reversed(order)}
