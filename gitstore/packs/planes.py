"""Byte planes: the words of a content with all first bytes in front, then all second bytes, and so on.

In floats, the byte with sign and exponent has little entropy, and the others are noise. Deflate has one code
for both in a block, so it takes less for the planes than for the words (docs/format.md, Planes).

Numpy moves single bytes slowly. It shifts and narrows whole words with vector instructions, two to five
times as fast, as long as the words stay in the core's cache. So both directions work in blocks.
"""

from __future__ import annotations

from collections.abc import Iterator

WIDTHS = (2, 4, 8)
"""The widths of words that are stored in planes, in bytes. A width of 1 means no planes."""

_BLOCK = 128 * 1024


def split(content: bytes | memoryview, width: int) -> bytes | memoryview:
    """Return the planes of `content`, whose words have `width` bytes. The bytes after the last word stay."""
    if width == 1:
        return content
    import numpy as np  # here, because commands that only read settings need none

    count = len(content) // width
    words = np.frombuffer(content, f"<u{width}", count)
    stored = np.empty(len(content), np.uint8)
    planes = stored[: count * width].reshape(width, count)
    shifted = np.empty(_BLOCK // width, words.dtype)
    for block in _blocks(count, width):
        source = words[block]
        planes[0, block] = source
        for plane in range(1, width):
            np.right_shift(source, 8 * plane, out=shifted[: len(source)])
            planes[plane, block] = shifted[: len(source)]
    stored[count * width :] = np.frombuffer(content, np.uint8)[count * width :]
    return stored.data


def join(content: bytes | memoryview, width: int) -> bytes | memoryview:
    """Return the content whose planes these are: the inverse of `split`."""
    if width == 1:
        return content
    import numpy as np

    count = len(content) // width
    stored = np.frombuffer(content, np.uint8)
    planes = stored[: count * width].reshape(width, count)
    joined = np.empty(len(content), np.uint8)
    words = joined[: count * width].view(f"<u{width}")
    shifted = np.empty(_BLOCK // width, words.dtype)
    for block in _blocks(count, width):
        target = words[block]
        target[:] = planes[0, block]
        for plane in range(1, width):
            part = shifted[: len(target)]
            part[:] = planes[plane, block]
            np.left_shift(part, 8 * plane, out=part)
            np.bitwise_or(target, part, out=target)
    joined[count * width :] = stored[count * width :]
    return joined.data


def _blocks(count: int, width: int) -> Iterator[slice]:
    """Yield slices of `count` words, each of at most `_BLOCK` bytes."""
    length = _BLOCK // width
    return (slice(start, start + length) for start in range(0, count, length))
