"""Trees are measured without being listed: what is computed is what a listing would count."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.objects import tree
from gitstore.objects.database import MissingObject
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.limits import PushLimits
from gitstore.policy.push import TreeExtent
from gitstore.policy.states import StateSurvey
from gitstore.policy.survey import TooManyTrees, TreeSurvey

LIMITS = PushLimits()


class Memory:
    """Objects in memory, and how often each was read."""

    def __init__(self) -> None:
        self.objects: dict[Oid, tuple[Kind, bytes]] = {}
        self.reads: list[Oid] = []

    def add(self, kind: Kind, content: bytes) -> Oid:
        oid = Oid.of(kind, content)
        self.objects[oid] = kind, content
        return oid

    def tree(self, entries: dict[str, Any]) -> Oid:
        """A tree: files by their content, links as `-> TARGET`, directories as mappings or ids."""
        return self.add(Kind.TREE, tree.encode(self._entry(*entry) for entry in entries.items()))

    def _entry(self, name: str, entry: Any) -> TreeEntry:
        if isinstance(entry, Oid):
            return TreeEntry(Mode.TREE, name.encode(), entry)
        if isinstance(entry, str):
            return TreeEntry(
                Mode.LINK, name.encode(), self.add(Kind.BLOB, entry.removeprefix("-> ").encode())
            )
        if isinstance(entry, bytes):
            return TreeEntry(Mode.FILE, name.encode(), self.add(Kind.BLOB, entry))
        return TreeEntry(Mode.TREE, name.encode(), self.tree(entry))

    def header(self, oid: Oid) -> tuple[Kind, int]:
        if oid not in self.objects:
            raise MissingObject(oid)
        kind, content = self.objects[oid]
        return kind, len(content)

    def read_as(self, kind: Kind, oid: Oid, *, at_most: int) -> bytes:
        self.reads.append(oid)
        assert self.header(oid)[0] is kind
        assert self.header(oid)[1] <= at_most
        return self.objects[oid][1]

    def survey(self, limits: PushLimits = LIMITS) -> TreeSurvey:
        return TreeSurvey(self, limits, note=lambda _: None)


NAMES = st.sampled_from(["a", "b", "cc", "d.e"])
CONTENTS = st.recursive(
    st.sampled_from([b"", b"1", b"22"]),
    lambda inner: st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=20,
)


def measure(entries: dict[str, Any], depth: int = 0) -> TreeExtent:
    """What a listing counts."""
    below = [(name, measure(entry)) for name, entry in entries.items() if isinstance(entry, dict)]
    longest = [len(name) for name in entries]
    longest += [len(name) + 1 + extent.longest for name, extent in below if extent.paths]
    return TreeExtent(
        len(entries) + sum(extent.paths for _, extent in below),
        0,
        max((1 + extent.depth for _, extent in below), default=0),
        max(longest, default=0),
    )


@given(st.dictionaries(NAMES, CONTENTS, max_size=4))
def test_the_extent_is_that_of_a_listing(entries: dict[str, Any]) -> None:
    memory = Memory()
    summary = memory.survey().survey(memory.tree(entries))
    assert summary == (measure(entries), None, ())
    assert len(memory.reads) == len(set(memory.reads))


def test_a_tree_that_is_there_a_million_times_is_read_once() -> None:
    memory = Memory()
    oid = memory.tree({"f": b"f"})
    for _ in range(100):
        oid = memory.tree({f"d{at}": oid for at in range(10)})
    summary = memory.survey().survey(oid)
    assert summary.extent.paths == 10**100 + sum(10**power for power in range(1, 101))
    assert len(memory.reads) == 101


def test_links_are_judged_from_where_they_are() -> None:
    memory = Memory()
    inner = memory.tree({"l": "-> ../../x"})
    survey = memory.survey()
    sound = survey.survey(memory.tree({"a": {"b": inner}}))
    assert sound.climb is None
    climbing = survey.survey(memory.tree({"a": {"b": inner}, "c": inner}))
    assert climbing.climb == (1, b"c/l")
    assert survey.survey(memory.tree({"l": "-> a/b"})) == (TreeExtent(1, 0, 0, 1), None, ())


def test_it_stops_before_it_has_read_too_much() -> None:
    memory = Memory()
    oid = memory.tree({f"d{at}": {f"f{at}": b""} for at in range(100)})
    with pytest.raises(TooManyTrees):
        memory.survey(PushLimits(trees=10_000)).survey(oid)
    assert len(memory.reads) < 20


def test_a_tree_over_the_limit_is_not_read() -> None:
    memory = Memory()
    oid = memory.tree({f"f{at}": b"" for at in range(100)})
    (problem,) = memory.survey(PushLimits(tree=1000)).survey(oid).problems
    assert (problem.rule, memory.reads) == ("object-size", [])


def test_a_tree_that_is_gone() -> None:
    memory = Memory()
    (problem,) = memory.survey().survey(Oid(b"\1" * 20)).problems
    assert problem.rule == "tree-form"


def test_parts_are_not_read() -> None:
    memory = Memory()
    oid = memory.tree(
        {"w.parts": {"00000000": b"a", "00000001": b"b"}, "d": {"v.planes": {"00000000.2": b"cc"}}}
    )
    noted: set[Oid] = set()
    survey = StateSurvey(memory, LIMITS, note=noted.add)
    assert survey.survey(oid) == (TreeExtent(3, 3, 1, 10), None, ())
    assert {memory.objects[read][0] for read in memory.reads} == {Kind.TREE}
    assert noted == memory.objects.keys() - {oid}
