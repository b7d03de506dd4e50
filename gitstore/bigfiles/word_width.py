"""The width of the words in bytes of which no header says what they are (docs/format.md, Planes).

The test is part of the format, so it is exact: it counts the bytes of a sample and works on integers. Floats
show as planes of which some are noise and some are not. Each piece of the sample is measured by itself: in
formats that do not align tensors, words begin at another byte in each.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from gitstore.packs.planes import WIDTHS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHORTEST = 64 * 1024
"""Fewer bytes are not tested, since too little of them would decide."""

_PIECES, _PIECE = 4, 8 * 1024
_WIDEST = WIDTHS[-1]
_BIT = 1 << 16
"""A bit of information. Sizes are counted in fractions of it."""

_NOISE = 15 * _BIT // 2
"""A plane with at least so much information in a byte is noise."""

_NOISY = 2
"""The fewest pieces of the sample in which a plane is noise."""


def find_width(content: bytes | memoryview) -> int:
    """Return the width in bytes of the words of floats that `content` seems to consist of, else 1."""
    if len(content) < SHORTEST:
        return 1
    counts = _count_bytes(content)
    best, least = 1, int(_measure(counts.sum(axis=1)).sum())
    for width in WIDTHS:
        sizes = _measure(counts.reshape(_PIECES, _WIDEST // width, width, 256).sum(axis=1))
        noisy = int((sizes.max(axis=1) >= _NOISE * (_PIECE // width)).sum())
        if noisy >= _NOISY and 32 * int(sizes.sum()) < 31 * least:
            best, least = width, int(sizes.sum())
    return best


def _count_bytes(content: bytes | memoryview) -> NDArray[np.int64]:
    """Return how often each byte is in each place of words of 8 bytes, for each piece of the sample.

    The shape is (4, 8, 256).
    """
    import numpy as np

    stride = (len(content) - _PIECE) // (_PIECES - 1)
    starts = [number * stride // _WIDEST * _WIDEST for number in range(_PIECES)]
    view = memoryview(content)
    sample = np.frombuffer(b"".join(view[start : start + _PIECE] for start in starts), np.uint8)
    keys = np.arange(0, 256 * _WIDEST * _PIECES, 256, dtype=np.uint16).reshape(_PIECES, 1, _WIDEST)
    keys = sample.reshape(_PIECES, -1, _WIDEST) + keys
    counts = np.bincount(keys.reshape(-1), minlength=256 * _WIDEST * _PIECES)
    return counts.reshape(_PIECES, _WIDEST, 256)


def _measure(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the information in bytes that occur so often, over the last axis. The unit is `_BIT`."""
    table = _logarithms()
    measured: NDArray[np.int64] = table[counts.sum(axis=-1)] - table[counts].sum(axis=-1)
    return measured


@cache
def _logarithms() -> NDArray[np.int64]:
    """Return n * log2(n) for each n up to the size of a piece, between powers of 2 on a straight line."""
    import numpy as np

    numbers = np.arange(_PIECE + 1, dtype=np.int64)
    exponents = np.array([max(number.bit_length() - 1, 0) for number in range(_PIECE + 1)], np.int64)
    logarithms = (exponents - 1) * _BIT + (numbers * _BIT >> exponents)
    return numbers * logarithms
