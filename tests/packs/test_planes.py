"""Byte planes of any content, and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.packs.planes import WIDTHS, join, split
from tests.support.content import noise


@pytest.mark.parametrize(
    ("content", "width", "expected"),
    [
        (b"aAbBcC", 2, b"abcABC"),
        (b"aAbBcCd", 2, b"abcABCd"),
        (b"abcdABCD123", 4, b"aAbBcCdD123"),
        (b"01234567abcdefgh", 8, b"0a1b2c3d4e5f6g7h"),
        (b"abc", 4, b"abc"),
        (b"", 8, b""),
        (b"aAbB", 1, b"aAbB"),
    ],
)
def test_planes_hold_the_bytes_of_equal_place(content: bytes, width: int, expected: bytes) -> None:
    assert bytes(split(content, width)) == expected


@given(st.binary(max_size=1000), st.sampled_from((1, *WIDTHS)))
def test_joined_planes_are_the_content(content: bytes, width: int) -> None:
    assert bytes(join(split(content, width), width)) == content


@given(st.binary(max_size=300), st.sampled_from(WIDTHS))
def test_they_are_as_the_format_says(content: bytes, width: int) -> None:
    words = len(content) // width
    planes = b"".join(content[plane : words * width : width] for plane in range(width))
    assert bytes(split(content, width)) == planes + content[words * width :]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("size", [128 * 1024 - 1, 128 * 1024, 1024 * 1024 + 13])
@pytest.mark.parametrize("offset", [0, 3])
def test_long_and_unaligned_contents(width: int, size: int, offset: int) -> None:
    content = noise(size + offset)
    planes = split(memoryview(content)[offset:], width)
    words = size // width
    for plane in range(width):
        expected = content[offset + plane : offset + words * width : width]
        assert planes[plane * words : (plane + 1) * words] == expected
    unaligned = bytearray(offset) + planes
    assert join(memoryview(unaligned)[offset:], width) == content[offset:]
