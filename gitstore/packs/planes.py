"""Byte planes: the words of a content with all first bytes in front, then all second bytes, and so on.

In floats, the byte with sign and exponent has little entropy, and the others are noise. Deflate has one code
for both in a block, so it takes less for the planes than for the words (docs/format.md, Planes).
"""

from __future__ import annotations

from collections.abc import Iterator

WIDTHS = (2, 4, 8)
"""The widths of words that are stored in planes, in bytes. A width of 1 means no planes."""


def split(content: bytes | memoryview, width: int) -> bytes | memoryview:
    """Return the planes of `content`, whose words have `width` bytes. The bytes after the last word stay."""
    if width == 1:
        return content
    import numpy as np  # here, because commands that only read settings need none

    joined = np.frombuffer(content, np.uint8)
    stored = np.empty_like(joined)
    for in_planes, in_words in _places(len(content), width):
        stored[in_planes] = joined[in_words]
    return stored.data


def join(content: bytes | memoryview, width: int) -> bytes | memoryview:
    """Return the content whose planes these are: the inverse of `split`."""
    if width == 1:
        return content
    import numpy as np

    stored = np.frombuffer(content, np.uint8)
    joined = np.empty_like(stored)
    for in_planes, in_words in _places(len(content), width):
        joined[in_words] = stored[in_planes]
    return joined.data


def _places(size: int, width: int) -> Iterator[tuple[slice, slice]]:
    """Yield where each plane lies, and where its bytes are among the words; then the bytes after the words.

    That is one copy a plane. Shifts of whole words are twice as fast, but take so many calls that threads
    that wait for the interpreter's lock lose more than that.
    """
    words = size // width
    end = words * width
    for plane in range(width):
        yield slice(plane * words, (plane + 1) * words), slice(plane, end, width)
    yield slice(end, size), slice(end, size)
