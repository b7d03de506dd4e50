from __future__ import annotations

import random
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.packs.compression import deflate, inflate
from gitstore.packs.plane_runs import WORTH
from tests.support.packs import encode_stored

NOISE = random.Random(1).randbytes(300_000)

contents = st.one_of(
    st.binary(max_size=2000),
    st.integers(0, 300_000).map(lambda size: NOISE[:size]),
    st.integers(0, 300_000).map(bytes),
)


@given(contents)
def test_zlib_and_we_read_back_what_we_write(content: bytes) -> None:
    for stream in (deflate(content), encode_stored(content), deflate(memoryview(content))):
        assert zlib.decompress(stream) == content
        assert inflate(stream, len(content)) == content


@given(contents, st.integers(0, 9))
def test_we_read_what_zlib_writes_at_any_level(content: bytes, level: int) -> None:
    assert inflate(zlib.compress(content, level), len(content)) == content


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 65_537, 131_070, 131_071, 300_000])
def test_what_does_not_shrink_is_stored(size: int) -> None:
    blocks = max(1, -(-size // 65_535))
    assert deflate(NOISE[:size]) == encode_stored(NOISE[:size])
    assert len(encode_stored(NOISE[:size])) == size + 5 * blocks + 6


@pytest.mark.parametrize("size", [1000, 65_536, 65_537, 4 << 20])
def test_what_shrinks_is_deflated(size: int) -> None:
    assert len(deflate(b"weights " * (size // 8))) < size / 10


@pytest.mark.parametrize(("zeros", "shrinks"), [(0.05, False), (0.2, True)])
def test_a_tenth_saved_makes_the_difference(zeros: float, shrinks: bool) -> None:
    noise = random.Random(2)
    blank = round(1024 * zeros)
    content = b"".join(noise.randbytes(1024 - blank) + bytes(blank) for _ in range(1024))
    assert (len(deflate(content)) <= WORTH * len(content)) is shrinks
    assert shrinks or deflate(content) == encode_stored(content)


def test_no_more_is_made_than_asked_for() -> None:
    bomb = zlib.compress(bytes(5_000_000))
    with pytest.raises(ValueError, match="zlib stream does not hold 10 bytes"):
        inflate(bomb, 10)


@pytest.mark.parametrize("size", [0, 299, 301, 2**31, 2**62])
def test_another_size_than_promised_is_an_error(size: int) -> None:
    with pytest.raises(ValueError, match=f"zlib stream does not hold {size:,} bytes"):
        inflate(zlib.compress(b"abc" * 100), size)


@given(st.data())
def test_a_cut_stream_is_an_error(data: st.DataObject) -> None:
    stream = deflate(b"weights and weights " * 20)
    end = data.draw(st.integers(0, len(stream) - 1))
    with pytest.raises(ValueError, match="zlib stream"):
        inflate(stream[:end], 400)


def test_a_wrong_checksum_is_an_error() -> None:
    stream = bytearray(deflate(b"weights" * 100))
    stream[-1] ^= 1
    with pytest.raises(ValueError, match="broken zlib stream: Error -6 Incorrect checksum found"):
        inflate(bytes(stream), 700)


@pytest.mark.parametrize("stream", [b"", b"\x78", b"no zlib stream", bytes(100)])
def test_garbage_is_an_error(stream: bytes) -> None:
    with pytest.raises(ValueError, match="zlib stream"):
        inflate(stream, 5)
