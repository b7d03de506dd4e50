"""How each byte plane of a content is best deflated, found out from samples of it.

In a plane of weights nothing repeats, so to look for matches finds accidental ones, whose codes are longer
than those of the bytes: the byte with the exponent takes 0.42 of its size with matches and 0.34 without. The
planes below it are noise.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from isal import igzip_lib

if TYPE_CHECKING:
    import numpy as np

LEVEL = 1
"""ISA-L's usual level of effort. Higher ones save less than 1 % where little repeats."""

THOROUGH = 3
"""The level for planes that repeat. Of noise that repeats after 5,000 bytes, it leaves 0.02, level 1 0.68."""

_QUICK = 0  # finds nearly all repeats, but has one code for all contents

WORTH = 0.9
"""Deflate only what shrinks below this share of its size."""

STORED, NEAREST, NARROW, WIDE = 0, 1, 9, 15
"""How far back deflate looks for repeats, as powers of two in bytes. `STORED` stands for stored blocks.

`NEAREST` finds nothing but runs of one byte, which makes it Huffman coding without matches. ISA-L does that
2.5 times as fast as zlib does with Z_HUFFMAN_ONLY.
"""

_PIECES = 8
_PIECE = 512  # bytes, so that a look at four planes takes less than 0.1 ms
_PROBE, _SMALL = 16 * 1024, 72 * 1024  # small planes are probed whole


class Run(NamedTuple):
    """A stretch of a content that is deflated in one way: `window` is `STORED` or a power of two."""

    start: int
    end: int
    window: int
    level: int = LEVEL


def plan(content: memoryview, width: int) -> list[Run]:
    """Divide a content of `width` byte planes into runs, which cover it in order."""
    import numpy as np  # here, because commands that only read settings need none

    words = len(content) // width
    if not words:
        return [Run(0, len(content), STORED)]
    planes = np.frombuffer(content, np.uint8)[: words * width].reshape(width, words)
    shares = _entropy_shares(planes)
    flattest = int(shares.argmax())
    has_repeats = _has_repeats(planes[flattest], shares[flattest])
    windows = [WIDE if has_repeats else NEAREST if share < WORTH else STORED for share in shares]
    starts = [plane for plane in range(width) if plane == 0 or windows[plane] != windows[plane - 1]]
    ends = [*(start * words for start in starts[1:]), len(content)]
    level = THOROUGH if has_repeats else LEVEL
    return [Run(start * words, end, windows[start], level) for start, end in zip(starts, ends, strict=True)]


def _entropy_shares(planes: np.ndarray) -> np.ndarray:
    """Return the share of its size that each plane would have in an ideal code for its bytes, by a sample."""
    import numpy as np

    width, words = planes.shape
    stride = words // _PIECES
    if stride > _PIECE:
        planes = (
            planes[:, : _PIECES * stride].reshape(width, _PIECES, stride)[:, :, :_PIECE].reshape(width, -1)
        )
    size = planes.shape[1]
    places = np.arange(width, dtype=np.uint16)[:, None] << 8  # one histogram for all planes is quicker
    counts = np.bincount((planes | places).ravel(), minlength=width << 8).reshape(width, 1 << 8)
    shares: np.ndarray = (np.log2(size) - _weighted_logs()[counts].sum(axis=1) / size) / 8
    return shares


@cache
def _weighted_logs() -> np.ndarray:
    """Return n * log2(n) for every count in a sample."""
    import numpy as np

    numbers = np.arange(_PIECES * (_PIECE + 1) + 1, dtype=np.float64)
    return numbers * np.log2(np.maximum(numbers, 1))


def _has_repeats(plane: np.ndarray, share: float) -> bool:
    """Whether deflate with matches makes less of a plane, or of its middle, than a code for its bytes."""
    middle = (len(plane) - _PROBE) // 2
    probe = plane.data if len(plane) <= _SMALL else plane[middle : middle + _PROBE].data
    stream = igzip_lib.compress(probe, level=_QUICK, flag=igzip_lib.COMP_DEFLATE, hist_bits=WIDE)
    return len(stream) < WORTH * share * len(probe)
