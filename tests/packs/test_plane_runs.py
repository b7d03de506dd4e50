"""Streams of byte planes: zlib reads them, and weights take what docs/format.md says of them."""

from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.packs.compression import deflate, inflate
from gitstore.packs.plane_runs import NEAREST, STORED, WIDE, Run, plan
from gitstore.packs.planes import WIDTHS, split
from tests.support.content import MIB, noise
from tests.support.packs import encode_stored
from tests.support.weights import weights

widths = st.sampled_from(WIDTHS)
planes = st.one_of(
    st.integers(0, 70_000).map(noise),
    st.integers(0, 70_000).map(bytes),
    st.integers(0, 20_000).map(lambda words: weights("bfloat16", words)[1::2]),
    st.integers(0, 30).map(lambda times: noise(1000) * times),
    st.binary(max_size=300),
)


@given(st.lists(planes, max_size=8).map(b"".join), widths)
def test_zlib_and_we_read_back_any_content(content: bytes, width: int) -> None:
    for stream in (deflate(content, width=width), deflate(memoryview(bytearray(content)), width=width)):
        assert zlib.decompress(stream) == content
        assert inflate(memoryview(stream), len(content)) == content


@given(st.binary(max_size=100), widths)
def test_runs_cover_the_content_in_order(content: bytes, width: int) -> None:
    runs = plan(memoryview(content), width)
    assert [run.start for run in runs] == [0, *(run.end for run in runs[:-1])]
    assert runs[-1].end == len(content)


@pytest.mark.parametrize(
    ("dtype", "width", "limit"), [("bfloat16", 2, 0.69), ("float16", 2, 0.90), ("float32", 4, 0.85)]
)
@pytest.mark.parametrize("size", [64 * 1024, MIB, 4 * MIB])
def test_weights_take_what_their_exponents_need(dtype: str, width: int, limit: float, size: int) -> None:
    content = weights(dtype, size // width)
    stream = deflate(split(content, width), width=width)
    assert len(stream) <= limit * size
    assert len(stream) < 0.97 * len(deflate(content))


def test_the_exponents_are_coded_without_matches_and_the_rest_is_stored() -> None:
    content = memoryview(split(weights("float32", MIB // 4), 4))
    assert plan(content, 4) == [Run(0, 3 * MIB // 4, STORED), Run(3 * MIB // 4, MIB, NEAREST)]


def test_float32_that_was_bfloat16_takes_half_of_that() -> None:
    content = np.frombuffer(weights("bfloat16", MIB // 4), "<u2").astype("<u4") << 16
    assert len(deflate(split(content.tobytes(), 4), width=4)) <= 0.345 * MIB


def test_big_endian_floats_take_as_much() -> None:
    content = np.frombuffer(weights("bfloat16", MIB // 2), "<u2").byteswap().tobytes()
    assert len(deflate(split(content, 2), width=2)) <= 0.70 * MIB


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("row", "rows"), [(1024, 256), (6000, 50)])
def test_repeated_rows_are_found_in_every_plane(width: int, row: int, rows: int) -> None:
    content = split(noise(row * width) * rows, width)
    assert {run.window for run in plan(memoryview(content), width)} == {WIDE}
    assert len(deflate(content, width=width)) < len(content) / 20


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("size", [1000, MIB, MIB + 1])
def test_zeros_take_almost_nothing(width: int, size: int) -> None:
    assert len(deflate(bytes(size), width=width)) < 50 + size / 500


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("size", [0, 1, 7, 8, 65_535, 65_536, MIB + 3])
def test_noise_is_stored(width: int, size: int) -> None:
    assert deflate(noise(size), width=width) == encode_stored(noise(size))


@given(st.data(), widths)
def test_a_flipped_bit_is_an_error_or_changes_nothing(data: st.DataObject, width: int) -> None:
    """It changes nothing where deflate fills the rest of a byte."""
    content = split(weights("float32", 4000) + bytes(3000), width)
    stream = bytearray(deflate(content, width=width))
    stream[data.draw(st.integers(0, len(stream) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert inflate(memoryview(stream), len(content)) == content
    except ValueError as error:
        assert "zlib stream" in str(error)


@pytest.mark.parametrize("plane", range(4))
def test_a_flipped_bit_in_any_plane_is_an_error(plane: int) -> None:
    content = split(weights("float32", 100_000), 4)
    stream = bytearray(deflate(content, width=4))
    stream[min(100_000 * plane + 50_000, len(stream) - 5000)] ^= 1
    with pytest.raises(ValueError, match="zlib stream"):
        inflate(memoryview(stream), len(content))
