"""A second writer of large files, made from docs/format.md alone: it shares no code with gitstore.

Of the page's own code it runs `width`; the cuts by content are computed in another way than there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from tests.support import page

MIB, KIB = 1 << 20, 1 << 10

Region = tuple[int, int, int | None]
"""Where a tensor begins and ends, and the width of its words; `None` if that is unknown."""


class Cut(NamedTuple):
    """Bytes of a file that are one part; or, if `by_content`, a gap that is cut further."""

    start: int
    end: int
    width: int | None
    by_content: bool


class NamedPart(NamedTuple):
    """The name and the content of a blob."""

    name: str
    content: bytes


def write_parts(content: bytes, regions: Sequence[Region]) -> tuple[str, list[NamedPart]]:
    """Return the suffix of the directory that a large file is stored as, and the blobs in it."""
    parts: list[NamedPart] = []
    for cut in list_cuts(regions, len(content)):
        piece = content[cut.start : cut.end]
        for part in cut_by_content(piece) if cut.by_content else [piece]:
            width = page_width(part) if cut.width is None else cut.width
            number = f"{len(parts):08}"
            parts.append(NamedPart(f"{number}.{width}" if width > 1 else number, to_planes(part, width)))
    return ".planes" if any("." in part.name for part in parts) else ".parts", parts


def tree_id(parts: Sequence[NamedPart]) -> str:
    """Return git's id of a tree with these blobs."""
    entries = sorted((part.name.encode(), hash_object("blob", part.content)) for part in parts)
    return hash_object("tree", b"".join(b"100644 %s\0%s" % entry for entry in entries)).hex()


def hash_object(kind: str, content: bytes) -> bytes:
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(content)) + content).digest()


def to_planes(part: bytes, width: int) -> bytes:
    words = len(part) // width * width
    return b"".join(part[plane:words:width] for plane in range(width)) + part[words:]


@cache
def _page_width_function() -> object:
    return page.function("width")


def page_width(part: bytes) -> int:
    width: int = _page_width_function()(part)  # type: ignore[operator]
    return width


# Cuts


def list_cuts(regions: Sequence[Region], size: int) -> list[Cut]:
    """Return the cuts of a file of so many bytes that has these regions."""
    spans = _list_spans(regions, size)
    small = [not span.by_content and span.end - span.start < 64 * KIB for span in spans]
    if sum(small) <= 1024:
        return [cut for span in spans for cut in _cut_span(span)]
    cuts: list[Cut] = []
    at = 0
    while at < len(spans):
        if not small[at]:
            cuts += _cut_span(spans[at])
            at += 1
            continue
        first = at
        while at < len(spans) and _may_share(spans[first], spans[at]):
            at += 1
        cuts.append(Cut(spans[first].start, spans[at - 1].end, spans[first].width, False))
    return cuts


def _may_share(first: Cut, span: Cut) -> bool:
    """Whether a span may be in the part that the small region `first` begins."""
    is_small = span.end - span.start < 64 * KIB
    return is_small and span.end - first.start <= 256 * KIB and (span.by_content or span.width == first.width)


def _list_spans(regions: Sequence[Region], size: int) -> list[Cut]:
    """Return regions and gaps, in order."""
    edges = [0, *(edge for start, end, _ in regions for edge in (start, end)), size]
    gaps = [Cut(edges[index], edges[index + 1], None, True) for index in range(0, len(edges), 2)]
    tensors = [Cut(start, end, width, False) for start, end, width in regions]
    return sorted(span for span in [*gaps, *tensors] if span.start < span.end)


def _cut_span(span: Cut) -> Iterator[Cut]:
    if span.by_content:
        yield span
        return
    for number in range(-(-(span.end - span.start) // MIB)):
        start = span.start + number * MIB
        yield span._replace(start=start, end=min(start + MIB, span.end))


# Cuts by content


def cut_by_content(gap: bytes) -> Iterator[bytes]:
    while gap:
        end = _find_end(gap[: 4 * MIB])
        yield gap[:end]
        gap = gap[end:]


def _find_end(rest: bytes) -> int:
    """Return where the first part of these bytes ends.

    A fingerprint is a sum over 64 bytes, each shifted by its distance, since older ones are shifted out.
    """
    last = len(rest) - len(rest) % 2
    for start, end, mask in (
        (256 * KIB, min(MIB, last), 0x0000D91767537000),
        (MIB, last, 0x0000D91707537000),
    ):
        for at in range(start, end, 64 * KIB):
            before = max(at - 63, 256 * KIB)
            fingerprints = _fingerprint(rest[before : min(at + 64 * KIB, end)])[at - before :]
            hits = np.flatnonzero(fingerprints & np.uint64(mask) == 0)
            if len(hits):
                return at + int(hits[0])
    return len(rest)


def _fingerprint(content: bytes) -> np.ndarray:
    """Return the fingerprint at each byte, if nothing before the first one counts."""
    sums = _gear()[np.frombuffer(content, np.uint8)]
    for distance in (1, 2, 4, 8, 16, 32):
        shifted = sums[:-distance] << np.uint64(distance)
        sums[distance:] += shifted
    return sums


@cache
def _gear() -> np.ndarray:
    digests = [hashlib.md5(bytes([byte]) * 64, usedforsecurity=False).digest() for byte in range(256)]
    return np.array([int.from_bytes(digest[:8], "big") for digest in digests], np.uint64)
