"""docs/format.md, "Cuts": ours, and those of an implementation that was made from the page alone."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from gitstore.bigfiles import cuts
from gitstore.tensors.regions import Region
from tests.support import second_writer
from tests.support.content import KIB, MIB

lengths = st.sampled_from([1, 100, 64 * KIB - 1, 64 * KIB, 64 * KIB + 1, MIB - 1, MIB, MIB + 1, 5 * MIB])
gaps = st.sampled_from([0, 0, 0, 1, 63, 64 * KIB - 1, 64 * KIB, 3 * MIB])
widths = st.sampled_from([1, 2, 4, 8, None])
Run = tuple[int, int, int, int | None]
"""So many regions of a length and a width, each behind a gap of a length."""

few = st.tuples(st.just(1), gaps, lengths, widths)
many = st.tuples(
    st.sampled_from([300, 1024, 1025]),
    st.sampled_from([0, 0, 8, 40 * KIB, 64 * KIB]),
    st.sampled_from([1, 999, 10_000, 32 * KIB, 64 * KIB - 1, 64 * KIB]),
    widths,
)


def lay_out(runs: list[Run]) -> list[Region]:
    regions: list[Region] = []
    end = 0
    for count, gap, length, width in runs:
        for _ in range(count):
            regions.append(Region(end + gap, end + gap + length, width))
            end += gap + length
    return regions


def plan(regions: list[Region], size: int) -> list[tuple[int, int, int | None, bool]]:
    segments = cuts.plan(regions, size)
    return [(segment.start, segment.end, segment.width, segment.by_content) for segment in segments]


@given(st.lists(few | many, max_size=6), st.integers(0, 2) | st.integers(64 * KIB - 1, 64 * KIB))
@example([(1024, 0, 100, 4)], 0)
@example([(1025, 0, 100, 4)], 0)
@example([(1025, 40 * KIB, 32 * KIB, None), (1, 0, 1, 4)], 1)
def test_both_cut_alike(runs: list[Run], behind: int) -> None:
    regions = lay_out(runs)
    size = (regions[-1].end if regions else 0) + behind
    assert plan(regions, size) == second_writer.list_cuts(regions, size)


@given(st.lists(few | many, max_size=6), st.integers(0, 100))
def test_all_bytes_are_in_one_segment_that_is_no_longer_than_a_part(runs: list[Run], behind: int) -> None:
    regions = lay_out(runs)
    size = (regions[-1].end if regions else 0) + behind
    end = 0
    for segment in cuts.plan(regions, size):
        assert segment.start == end < segment.end
        assert segment.by_content or segment.end - segment.start <= MIB
        end = segment.end
    assert end == size


def test_a_hundred_thousand_small_regions_are_a_few_hundred_parts() -> None:
    regions = [Region(1000 * number, 1000 * number + 1000, 2) for number in range(100_000)]
    assert len(plan(regions, 10**8)) == -(-100_000 // 262)
