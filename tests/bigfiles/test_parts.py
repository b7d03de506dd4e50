"""The directories of parts: which names they have, and which are refused."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.bigfiles import parts
from gitstore.bigfiles.parts import (
    PARTS,
    PLANES,
    Part,
    find_suffix,
    from_entries,
    part_name,
    suffix_of,
    to_entries,
)
from gitstore.objects import tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs.oid import Oid

A, B = Oid(b"a" * 20), Oid(b"b" * 20)


def entries(*names: bytes, mode: int = Mode.FILE) -> list[TreeEntry]:
    return [TreeEntry(mode, name, A) for name in names]


def test_the_names_are_those_of_format_1() -> None:
    assert (parts.LARGE, parts.SUFFIXES) == (4 << 20, (b".parts", b".planes"))
    assert [part_name(number) for number in (0, 1, 12345678)] == [b"00000000", b"00000001", b"12345678"]
    assert [part_name(7, width) for width in (2, 4, 8)] == [b"00000007.2", b"00000007.4", b"00000007.8"]


def test_a_directory_with_planes_has_a_suffix_of_its_own() -> None:
    assert suffix_of([Part(A), Part(B)]) == PARTS
    assert suffix_of([Part(A), Part(B, 4)]) == PLANES
    assert [find_suffix(name) for name in (b"w.parts", b"w.planes", b"w.bin", b"parts")] == [
        PARTS,
        PLANES,
        b"",
        b"",
    ]


@given(st.lists(st.tuples(st.sampled_from([A, B]), st.sampled_from([1, 2, 4, 8])), min_size=1, max_size=12))
def test_parts_come_back_from_their_tree(listed: list[tuple[Oid, int]]) -> None:
    made = tuple(Part(*part) for part in listed)
    content = tree.encode(to_entries(made))
    assert from_entries(tree.parse(content), suffix_of(made)) == made


@pytest.mark.parametrize(
    ("bad", "suffix", "why"),
    [
        (entries(), PARTS, "no parts"),
        (entries(), PLANES, "no parts"),
        (entries(b"00000001"), PARTS, "00000000"),
        (entries(b"00000000", b"00000002"), PARTS, "00000002"),
        (entries(b"00000000.2", b"00000000.4"), PLANES, "00000000.4"),
        (entries(b"00000000", b"00000000.4"), PLANES, "00000000.4"),
        (entries(b"00000000", b"1"), PARTS, "'1'"),
        (entries(b"00000000", b"000000001"), PARTS, "000000001"),
        (entries(b"00000000", mode=Mode.TREE), PARTS, "00000000"),
        (entries(b"00000000", mode=Mode.LINK), PARTS, "00000000"),
        (entries(b"00000000.1"), PLANES, "00000000.1"),
        (entries(b"00000000.3"), PLANES, "00000000.3"),
        (entries(b"00000000.16"), PLANES, "00000000.16"),
        (entries(b"00000000.04"), PLANES, "00000000.04"),
        (entries(b"00000000."), PLANES, "00000000."),
        (entries(b"00000000.4\n"), PLANES, "00000000.4"),
        (entries(b"00000000.4"), PARTS, "a part with planes"),
        (entries(b"00000000"), PLANES, "no part with planes"),
    ],
)
def test_what_is_no_directory_of_parts_is_refused(bad: list[TreeEntry], suffix: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=re.escape(why)):
        from_entries(bad, suffix)
