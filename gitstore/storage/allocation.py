"""Allocating the bytes of objects to the refs that hold them.

A set of holders is an int bitmask: bit i is set if holder i reaches the object. Holders are numbered in the
order in which a walk from old commits to new ones meets them. The holders of a commit are all that come after
it, so they have neighbouring numbers. A set of thousands is a few ranges of bits, and costs as little as one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from gitstore.objects.walk import Node
from gitstore.packs.oid import Kind, Oid


class Allocation(NamedTuple):
    """The bytes that a holder holds alone, the bytes that it shares, and its part of both."""

    exclusive: int
    shared: int
    charged: int


class Allocations(NamedTuple):
    """The allocation of each root, and the bytes that only roots of one group hold."""

    by_root: list[Allocation]
    exclusive_by_group: dict[Hashable, int]


def allocate(
    nodes: Mapping[Oid, Node],
    roots: Sequence[Oid],
    *,
    sizes: Mapping[bytes, int],
    groups: Sequence[Hashable] = (),
) -> Allocations:
    """Allocate the bytes of objects to the roots that reach them.

    Each holder of an object is charged an equal part, in whole bytes; the parts add up to the object's size.
    `groups` has the group of each root.
    """
    numbers = _number_roots(nodes, roots)
    sums = _sum_by_holders(_find_holders(nodes, roots, numbers), sizes)
    exclusive, shared, charged = (_RangeSums(len(roots)) for _ in range(3))
    for holders, size in sums.items():
        count = holders.bit_count()
        part, remainder = divmod(size, count)
        for start, end in _bit_ranges(holders):
            (exclusive if count == 1 else shared).add(start, end, value=size)
            charged.add(start, end, value=part)
            # The bytes that do not divide go to the first holders, one each: the sum stays exact.
            charged.add(start, min(start + remainder, end), value=1)
            remainder = max(remainder - (end - start), 0)
    allocations = list(map(Allocation, exclusive.values(), shared.values(), charged.values()))
    return Allocations([allocations[number] for number in numbers], _sum_by_group(sums, numbers, groups))


def _sum_by_group(
    sums: Mapping[int, int], numbers: Sequence[int], groups: Sequence[Hashable]
) -> dict[Hashable, int]:
    """Sum up the bytes whose holders all belong to the same group."""
    group_of = dict(zip(numbers, groups, strict=False))
    members: dict[Hashable, int] = defaultdict(int)
    for number, group in group_of.items():
        members[group] |= 1 << number
    exclusive: dict[Hashable, int] = dict.fromkeys(groups, 0)
    for holders, size in sums.items() if groups else ():
        if holders:
            group = group_of[(holders & -holders).bit_length() - 1]
            exclusive[group] += size if holders & ~members[group] == 0 else 0
    return exclusive


def _number_roots(nodes: Mapping[Oid, Node], roots: Sequence[Oid]) -> list[int]:
    """Number the roots: first those that lead to a commit, then those that lead to its descendants."""
    roots_at: dict[Oid, list[int]] = defaultdict(list)
    for i, root in enumerate(roots):
        roots_at[_peel(nodes, root)].append(i)
    children: dict[Oid | None, list[Oid]] = defaultdict(list)
    for oid, node in nodes.items():
        if node.kind is Kind.COMMIT:
            children[node.children[1] if len(node.children) > 1 else None].append(oid)
    numbers, count = [0] * len(roots), 0
    waiting = [*children[None], *(oid for oid in roots_at if nodes[oid].kind is not Kind.COMMIT)]
    while waiting:
        oid = waiting.pop()
        for i in roots_at[oid]:
            numbers[i], count = count, count + 1
        waiting += children[oid]
    return numbers


def _peel(nodes: Mapping[Oid, Node], oid: Oid) -> Oid:
    """Follow tags to the commit, or to whatever else they lead to."""
    while nodes[oid].kind is Kind.TAG:
        oid = nodes[oid].children[0]
    return oid


def _find_holders(nodes: Mapping[Oid, Node], roots: Sequence[Oid], numbers: Sequence[int]) -> dict[Oid, int]:
    """Return the holders of every object, as a bitmask."""
    holders_of = dict.fromkeys(nodes, 0)
    for root, number in zip(roots, numbers, strict=True):
        holders_of[root] |= 1 << number
    for oid, node in nodes.items():
        holders = holders_of[oid]
        for child in node.children:
            # Usually the child has no holders yet. Then it shares its parent's int instead of a copy.
            holders_of[child] = holders_of[child] | holders if holders_of[child] else holders
    return holders_of


def _sum_by_holders(holders_of: Mapping[Oid, int], sizes: Mapping[bytes, int]) -> dict[int, int]:
    """Sum up the bytes of the objects that have the same set of holders."""
    # Most equal bitmasks are one int object. Grouping by identity first saves comparing thousands of bits.
    by_identity: dict[int, int] = defaultdict(int)
    for oid, holders in holders_of.items():
        by_identity[id(holders)] += sizes.get(oid, 0)
    bitmasks = {id(holders): holders for holders in holders_of.values()}
    sums: dict[int, int] = defaultdict(int)
    for identity, size in by_identity.items():
        sums[bitmasks[identity]] += size
    return sums


def _bit_ranges(bitmask: int) -> Iterator[tuple[int, int]]:
    """Yield the start and the end of each range of neighbouring bits that are set."""
    position = 0
    while bitmask:
        zeros = (bitmask & -bitmask).bit_length() - 1
        bitmask >>= zeros
        ones = (~bitmask & (bitmask + 1)).bit_length() - 1
        bitmask >>= ones
        yield position + zeros, position + zeros + ones
        position += zeros + ones


class _RangeSums:
    """A row of sums. A value is added to a range of them at the cost of one."""

    def __init__(self, count: int) -> None:
        self._steps = [0] * (count + 1)

    def add(self, start: int, end: int, *, value: int) -> None:
        self._steps[start] += value
        self._steps[end] -= value

    def values(self) -> Iterator[int]:
        return accumulate(self._steps[:-1])
