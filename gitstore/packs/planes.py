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

    source = np.frombuffer(content, np.uint8)
    words = len(source) // width
    planes = np.empty_like(source)
    planes[: words * width].reshape(width, words)[:] = source[: words * width].reshape(words, width).T
    planes[words * width :] = source[words * width :]
    return planes.data


def join(content: bytes | memoryview, width: int) -> bytes | memoryview:
    """Return the content whose planes these are: the inverse of `split`."""
    if width == 1:
        return content
    import numpy as np

    planes = np.frombuffer(content, np.uint8)
    words = len(planes) // width
    joined = np.empty_like(planes)
    joined[: words * width].reshape(words, width)[:] = planes[: words * width].reshape(width, words).T
    joined[words * width :] = planes[words * width :]
    return joined.data
