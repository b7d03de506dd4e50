"""Cutting large files into parts, where the content says so.

FastCDC (Xia et al., "The Design of Fast Content-Defined Chunking for Data Deduplication Based
Storage Systems", 2020), gear table and masks of the reference implementation, normalised chunking
1, with the sizes below. The cuts are part of the format: two writers that cut differently would
share nothing, so none of these numbers changes within `Gitstore-Format: 1`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from gitstore.packs import limits

PART_MIN = 256 * 1024
PART_AVERAGE = 1024 * 1024
PART_MAX = limits.PART

LARGE = 4 * 1024 * 1024
"""Files of at least this many bytes are stored in parts, smaller ones as one blob."""

SUFFIX = ".parts"
"""What a large file's directory of parts adds to its name. Names that end so are reserved."""


class Source(Protocol):
    """Where bytes come from: like a raw file, it may give fewer than asked for, and 0 at the end."""

    def readinto(self, buffer: memoryview, /) -> int: ...


def cut(source: Source) -> Iterator[bytes]:
    """The parts of a stream, in order, each from `PART_MIN` (the last may be shorter) to `PART_MAX` bytes."""
    from pyfastcdc import FastCDC

    cutter = FastCDC(PART_AVERAGE, min_size=PART_MIN, max_size=PART_MAX, normalized_chunking=1, seed=0)
    # The cutter reuses its buffer for the next part, so each part is copied out.
    return (bytes(chunk.data) for chunk in cutter.cut_stream(source))


def part_name(number: int) -> bytes:
    """The name of a part in its directory; `cat NAME.parts/*` gives them in order."""
    return b"%08d" % number
