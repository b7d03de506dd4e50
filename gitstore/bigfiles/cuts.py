"""Where a large file is cut into parts. The rule is part of the format (docs/format.md, Cuts).

A region, which is one tensor, is cut at every multiple of 1 MiB from its own start. So equal tensors are
equal parts, wherever they lie in whatever file. The bytes between regions, a gap, are cut by their content.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from gitstore.tensors.regions import Region

LENGTH = 1024 * 1024
"""Bytes of a part of a region, except the last."""

SMALL = 64 * 1024
"""A region of fewer bytes is small, and so is a gap."""

FEW = 1024
"""Up to so many small regions of a file are a part each. If there are more, they share parts."""

GROUP = 256 * 1024
"""The most bytes of a part that small regions share."""


class Segment(NamedTuple):
    """The bytes of a file from `start` up to `end`. They are one part, or are cut by their content.

    The parts have words of `width` bytes; `None` if that depends on their content.
    """

    start: int
    end: int
    width: int | None
    by_content: bool = False


def plan(regions: Sequence[Region], size: int) -> Iterator[Segment]:
    """Yield the segments of a file of `size` bytes with these regions, in order and without gaps."""
    spans = _add_gaps(regions, size)
    if sum(region.end - region.start < SMALL for region in regions) > FEW:
        return _join_small(spans)
    return _cut(spans)


def _add_gaps(regions: Iterable[Region], size: int) -> Iterator[Segment]:
    """Yield regions and the gaps between them."""
    end = 0
    for region in regions:
        if region.start > end:
            yield Segment(end, region.start, None, by_content=True)
        yield Segment(*region)
        end = region.end
    if size > end:
        yield Segment(end, size, None, by_content=True)


def _cut(spans: Iterable[Segment]) -> Iterator[Segment]:
    """Yield gaps as they are, and regions cut at every multiple of `LENGTH`."""
    for span in spans:
        if span.by_content:
            yield span
            continue
        for start in range(span.start, span.end, LENGTH):
            yield Segment(start, min(start + LENGTH, span.end), span.width)


def _join_small(spans: Iterable[Segment]) -> Iterator[Segment]:
    """Do the same, and join small regions with what is small and follows them, if it is a gap or as wide."""
    group: Segment | None = None
    for span in spans:
        is_small = span.end - span.start < SMALL
        if group is not None:
            fits = is_small and span.end - group.start <= GROUP
            if fits and (span.by_content or span.width == group.width):
                group = group._replace(end=span.end)
                continue
            yield group
            group = None
        if is_small and not span.by_content:
            group = span
        else:
            yield from _cut([span])
    if group is not None:
        yield group
