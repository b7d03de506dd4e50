"""Splitting the bytes of objects among those that hold them.

The holders of an object are a number, of which bit i says whether the i-th holder reaches it. Holders
are numbered as a walk from old commits to new ones meets them, so that those of a commit, which are all
that come after it, are neighbours: a set of thousands is a few ranges, and costs no more than one does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from gitstore.objects.walk import Node
from gitstore.packs.oid import Kind, Oid


class Bill(NamedTuple):
    """The bytes that a holder holds alone, those it holds with others, and its part of all of them."""

    exclusive: int
    shared: int
    charged: int


class Split(NamedTuple):
    """The bill of each root, and the bytes that the roots of one group hold and no others."""

    bills: list[Bill]
    alone: dict[Hashable, int]


def split(
    nodes: Mapping[Oid, Node],
    roots: Sequence[Oid],
    sizes: Mapping[bytes, int],
    groups: Sequence[Hashable] = (),
) -> Split:
    """The bill of each root, for what it reaches. Parts are whole bytes and add up, exactly.

    `groups` says to which group each root belongs.
    """
    numbers = _numbered(nodes, roots)
    together = _together(_holding(nodes, roots, numbers), sizes)
    exclusive, shared, charged = (_Ranges(len(roots)) for _ in range(3))
    for holders, size in together.items():
        count = holders.bit_count()
        part, rest = divmod(size, count)
        for start, end in _ranges(holders):
            (exclusive if count == 1 else shared).add(start, end, size)
            charged.add(start, end, part)
            # The bytes that do not divide go to the first ones, one each: the sum stays exact.
            charged.add(start, min(start + rest, end), 1)
            rest = max(rest - (end - start), 0)
    bills = list(map(Bill, exclusive.values(), shared.values(), charged.values()))
    return Split([bills[number] for number in numbers], _alone(together, numbers, groups))


def _alone(
    together: Mapping[int, int], numbers: Sequence[int], groups: Sequence[Hashable]
) -> dict[Hashable, int]:
    """The bytes that each group holds alone, whichever of it."""
    group_of = dict(zip(numbers, groups, strict=False))
    members: dict[Hashable, int] = defaultdict(int)
    for number, group in group_of.items():
        members[group] |= 1 << number
    alone: dict[Hashable, int] = dict.fromkeys(groups, 0)
    for holders, size in together.items() if groups else ():
        if holders:
            group = group_of[(holders & -holders).bit_length() - 1]
            alone[group] += size if holders & ~members[group] == 0 else 0
    return alone


def _numbered(nodes: Mapping[Oid, Node], roots: Sequence[Oid]) -> list[int]:
    """A number for each root: first those of a commit, then those of the commits that come after it."""
    at: dict[Oid, list[int]] = defaultdict(list)
    for i, root in enumerate(roots):
        at[_commit(nodes, root)].append(i)
    after: dict[Oid | None, list[Oid]] = defaultdict(list)
    for oid, node in nodes.items():
        if node.kind is Kind.COMMIT:
            after[node.children[1] if len(node.children) > 1 else None].append(oid)
    numbers, count = [0] * len(roots), 0
    waiting = [*after[None], *(oid for oid in at if nodes[oid].kind is not Kind.COMMIT)]
    while waiting:
        oid = waiting.pop()
        for i in at[oid]:
            numbers[i], count = count, count + 1
        waiting += after[oid]
    return numbers


def _commit(nodes: Mapping[Oid, Node], oid: Oid) -> Oid:
    """The commit that a ref leads to, by way of tags; or what else it leads to."""
    while nodes[oid].kind is Kind.TAG:
        oid = nodes[oid].children[0]
    return oid


def _holding(nodes: Mapping[Oid, Node], roots: Sequence[Oid], numbers: Sequence[int]) -> dict[Oid, int]:
    """The holders of every object."""
    holding = dict.fromkeys(nodes, 0)
    for root, number in zip(roots, numbers, strict=True):
        holding[root] |= 1 << number
    for oid, node in nodes.items():
        holders = holding[oid]
        for child in node.children:
            # Most are held by one or by all that hold their first parent: one number for both.
            holding[child] = holding[child] | holders if holding[child] else holders
    return holding


def _together(holding: Mapping[Oid, int], sizes: Mapping[bytes, int]) -> dict[int, int]:
    """The bytes of each set of holders."""
    # Most sets are not only equal to another, but the same: then they need not be compared bit by bit.
    by_identity: dict[int, int] = defaultdict(int)
    for oid, holders in holding.items():
        by_identity[id(holders)] += sizes.get(oid, 0)
    sets = {id(holders): holders for holders in holding.values()}
    together: dict[int, int] = defaultdict(int)
    for identity, size in by_identity.items():
        together[sets[identity]] += size
    return together


def _ranges(bits: int) -> Iterator[tuple[int, int]]:
    """The ranges of neighbouring bits that are set: from, to."""
    at = 0
    while bits:
        zeros = (bits & -bits).bit_length() - 1
        bits >>= zeros
        ones = (~bits & (bits + 1)).bit_length() - 1
        bits >>= ones
        yield at + zeros, at + zeros + ones
        at += zeros + ones


class _Ranges:
    """Numbers in a row, to ranges of which something is added."""

    def __init__(self, count: int) -> None:
        self._steps = [0] * (count + 1)

    def add(self, start: int, end: int, value: int) -> None:
        self._steps[start] += value
        self._steps[end] -= value

    def values(self) -> Iterator[int]:
        return accumulate(self._steps[:-1])
