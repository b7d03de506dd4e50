"""Byte planes: the words of a content with all first bytes in front, then all second bytes, and so on.

In floats, the byte with sign and exponent has little entropy, and the others are noise. Deflate has one code
for both in a block, so it takes less for the planes than for the words (docs/format.md, Planes).
"""

from __future__ import annotations

WIDTHS = (2, 4, 8)
"""The widths of words that are stored in planes, in bytes. A width of 1 means no planes."""


def split(content: bytes | memoryview, width: int) -> bytes | memoryview:
    """Return the planes of `content`, whose words have `width` bytes. The bytes after the last word stay."""
    if width == 1:
        return content
    import numpy as np  # here, because commands that only read settings need none

    joined = np.frombuffer(content, np.uint8)
    stored = np.empty_like(joined)
    words = len(joined) // width
    end = words * width
    # One copy a plane. Shifts of whole words are twice as fast, but take so many calls that threads that
    # wait for the interpreter's lock lose more than that.
    for plane in range(width):
        stored[plane * words : (plane + 1) * words] = joined[plane:end:width]
    stored[end:] = joined[end:]
    return stored.data


def join(content: bytes | memoryview, width: int) -> bytes | memoryview:
    """Return the content whose planes these are: the inverse of `split`."""
    if width == 1:
        return content
    import numpy as np

    stored = np.frombuffer(content, np.uint8)
    joined = np.empty_like(stored)
    words = len(stored) // width
    end = words * width
    for plane in range(width):
        joined[plane:end:width] = stored[plane * words : (plane + 1) * words]
    joined[end:] = stored[end:]
    return joined.data
