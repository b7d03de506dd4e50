"""Where files of tensors are cut: the plan, from regions alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.bigfiles.cuts import FEW, GROUP, LENGTH, SMALL, Segment, plan
from gitstore.tensors.regions import Region
from tests.support.content import MIB

KIB = 1024


def layout(*spans: tuple[int, int | None] | int) -> tuple[list[Region], int]:
    """Regions of a size and width each, one after the other; a number alone is a gap. Also the end."""
    regions, at = [], 0
    for span in spans:
        if isinstance(span, int):
            at += span
        else:
            size, width = span
            regions.append(Region(at, at + size, width))
            at += size
    return regions, at


def cut(*spans: tuple[int, int | None] | int) -> list[tuple[int, int | None, bool]]:
    """The length, width and way of each segment."""
    segments = plan(*layout(*spans))
    return [(segment.end - segment.start, segment.width, segment.by_content) for segment in segments]


MANY: list[tuple[int, int | None]] = [(SMALL - 1, 1)] * FEW
"""As many small regions as still are a part each."""


def test_the_numbers_are_those_of_format_1() -> None:
    assert (LENGTH, SMALL, FEW, GROUP) == (MIB, 64 * KIB, 1024, 256 * KIB)


def test_a_file_without_regions_is_one_gap() -> None:
    assert cut(5 * MIB) == [(5 * MIB, None, True)]
    assert cut() == []


def test_a_region_is_cut_at_multiples_from_its_own_start() -> None:
    assert cut(8, (2 * MIB + 5, 4), (MIB, 2), 7) == [
        (8, None, True),
        (MIB, 4, False),
        (MIB, 4, False),
        (5, 4, False),
        (MIB, 2, False),
        (7, None, True),
    ]


def test_few_small_regions_are_a_part_each() -> None:
    assert cut(100, (10, 4), (20, 4), 5, (30, None)) == [
        (100, None, True),
        (10, 4, False),
        (20, 4, False),
        (5, None, True),
        (30, None, False),
    ]
    assert cut(*MANY) == [(SMALL - 1, 1, False)] * FEW


def test_many_small_regions_share_parts() -> None:
    assert cut(*MANY, (SMALL - 1, 1)) == [(4 * (SMALL - 1), 1, False)] * (FEW // 4) + [(SMALL - 1, 1, False)]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([7, (8, 4), 9, (8, 4), 6], [(7, None, True), (31, 4, False)]),  # a gap joins what it follows
        ([(8, 4), (8, 2), 3, (8, 2)], [(8, 4, False), (19, 2, False)]),  # another width does not
        ([(8, None), 3, (8, None), (8, 1)], [(19, None, False), (8, 1, False)]),
        ([(8, 4), (SMALL, 4), (8, 4)], [(8, 4, False), (SMALL, 4, False), (8, 4, False)]),
        ([(8, 4), SMALL, (8, 4)], [(8, 4, False), (SMALL, None, True), (8, 4, False)]),
        ([(8, 4), (MIB + 8, 4), 9], [(8, 4, False), (MIB, 4, False), (8, 4, False), (9, None, True)]),
        (
            [(8, 4), *[SMALL - 2, (2, 4)] * 4],  # the last gap would be 6 bytes too many
            [(8 + 3 * SMALL, 4, False), (SMALL - 2, None, True), (2, 4, False)],
        ),
    ],
)
def test_what_joins_a_shared_part(
    spans: list[tuple[int, int | None] | int], expected: list[tuple[int, int | None, bool]]
) -> None:
    """Behind so many small regions that they share parts, and a large one that ends their last."""
    assert cut(*MANY, (8, 1), (SMALL, 8), *spans)[-len(expected) :] == expected


spans = st.one_of(
    st.integers(1, 200_000),
    st.tuples(st.integers(1, 3 * MIB), st.sampled_from([1, 2, 4, 8, None])),
    st.tuples(st.integers(1, 70_000), st.sampled_from([1, 2, 4, 8, None])),
)


@given(st.lists(spans, max_size=30), st.booleans())
def test_the_segments_are_the_file(listed: list[tuple[int, int | None] | int], with_many: bool) -> None:
    regions, size = layout(*(MANY if with_many else []), (8, 1), *listed)
    segments = list(plan(regions, size))
    assert [segment.start for segment in segments] == [0, *(segment.end for segment in segments[:-1])]
    assert segments[-1].end == size
    assert all(_is_as_it_may_be(segment) for segment in segments)
    inner = {region.start for region in regions if region.end - region.start >= SMALL}
    assert inner <= {segment.start for segment in segments}


def _is_as_it_may_be(segment: Segment) -> bool:
    length = segment.end - segment.start
    return length > 0 and (segment.by_content or length <= LENGTH)
