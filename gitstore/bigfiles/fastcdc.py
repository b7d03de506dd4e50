"""Cutting bytes at places that depend on the content, so that an insertion moves no later cut.

FastCDC (Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based
Storage Systems", 2020), gear table and masks of the reference implementation, normalised chunking
1, with the sizes below. The cuts are part of the format: two writers that cut differently would
share nothing. So these numbers are fixed for `Gitstore-Format: 1`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from gitstore.packs import limits

PART_MIN = 256 * 1024
PART_AVERAGE = 1024 * 1024
PART_MAX = limits.PART


class Source(Protocol):
    """A source of bytes: like a raw file, it may read fewer than requested, and reads 0 at the end."""

    def readinto(self, buffer: memoryview, /) -> int: ...


def cut_stream(source: Source) -> Iterator[bytes]:
    """Yield the parts of a stream: each of `PART_MIN` to `PART_MAX` bytes, but the last may be shorter."""
    from pyfastcdc import FastCDC

    cutter = FastCDC(PART_AVERAGE, min_size=PART_MIN, max_size=PART_MAX, normalized_chunking=1, seed=0)
    # The cutter reuses its buffer for the next part, so each part is copied out.
    return (bytes(chunk.data) for chunk in cutter.cut_stream(source))
