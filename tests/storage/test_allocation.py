"""Allocating bytes to holders, compared with the plain way: a set of holders for each object."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from gitstore.objects.walk import Node
from gitstore.packs.oid import Kind, Oid
from gitstore.storage import allocation


def oid(number: int) -> Oid:
    return Oid(number.to_bytes(20, "big"))


@st.composite
def graphs(draw: st.DrawFn) -> dict[Oid, Node]:
    """Tags, commits, trees and blobs in the order that `topological` gives: what refers to others first."""
    blobs = [oid(100 + i) for i in range(draw(st.integers(1, 4)))]
    trees = {
        oid(200 + i): Node(Kind.TREE, tuple(draw(st.lists(st.sampled_from(blobs), max_size=3))))
        for i in range(draw(st.integers(1, 4)))
    }
    commits: dict[Oid, Node] = {}
    for i in range(draw(st.integers(1, 8))):
        parents = draw(st.lists(st.sampled_from(sorted(commits)), unique=True, max_size=2)) if commits else []
        commits[oid(300 + i)] = Node(Kind.COMMIT, (draw(st.sampled_from(sorted(trees))), *parents))
    tags = {
        oid(400 + i): Node(Kind.TAG, (draw(st.sampled_from(sorted(commits))),))
        for i in range(draw(st.integers(0, 4)))
    }
    leaves = {blob: Node(Kind.BLOB, ()) for blob in blobs}
    return {**tags, **dict(reversed(commits.items())), **trees, **leaves}


def reached(nodes: Mapping[Oid, Node], root: Oid) -> set[Oid]:
    return {root}.union(*(reached(nodes, child) for child in nodes[root].children))


@given(st.data())
def test_allocations_are_what_plain_sets_say(data: st.DataObject) -> None:
    nodes = data.draw(graphs())
    roots = data.draw(st.lists(st.sampled_from(sorted(nodes)), min_size=1, max_size=8))
    sizes: dict[bytes, int] = {each: data.draw(st.integers(0, 1000)) for each in nodes}
    reach = [reached(nodes, root) for root in roots]
    alive = set().union(*reach)
    nodes = {each: node for each, node in nodes.items() if each in alive}

    allocations = allocation.allocate(nodes, roots, sizes=sizes).by_root

    holders = {each: sum(each in objects for objects in reach) for each in alive}
    for allocated, objects in zip(allocations, reach, strict=True):
        assert allocated.exclusive == sum(sizes[each] for each in objects if holders[each] == 1)
        assert allocated.shared == sum(sizes[each] for each in objects if holders[each] > 1)
        fair = sum(sizes[each] / holders[each] for each in objects)
        assert abs(allocated.charged - fair) <= len(alive)
    assert sum(each.charged for each in allocations) == sum(sizes[each] for each in alive)


def test_the_first_ones_pay_what_does_not_divide() -> None:
    """First are those of the oldest commit."""
    nodes = {
        oid(2): Node(Kind.COMMIT, (oid(3), oid(1))),
        oid(1): Node(Kind.COMMIT, (oid(3),)),
        oid(3): Node(Kind.TREE, ()),
    }
    allocations = allocation.allocate(nodes, [oid(2), oid(1), oid(1)], sizes={oid(3): 11}).by_root
    assert [each.charged for each in allocations] == [3, 4, 4]
    assert [each.exclusive for each in allocations] == [0, 0, 0]
    assert [each.shared for each in allocations] == [11, 11, 11]


def test_nobody_holds_anything() -> None:
    assert allocation.allocate({}, [], sizes={}).by_root == []
