from __future__ import annotations

import hashlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyfastcdc import FastCDC

from gitstore.bigfiles.fastcdc import PART_AVERAGE, PART_MAX, PART_MIN, cut_stream
from tests.support.content import MIB, Trickle, noise

STREAM = noise(16 * MIB, seed=1)

GOLDEN = [
    1521776,
    1829765,
    518824,
    1607681,
    487789,
    565186,
    1109923,
    1225334,
    345052,
    2884717,
    2247893,
    1211105,
    1222171,
]


@pytest.fixture(scope="module")
def before() -> list[bytes]:
    """The parts of the stream."""
    return list(cut_stream(BytesIO(STREAM)))


def lengths(content: bytes) -> list[int]:
    return [len(part) for part in cut_stream(BytesIO(content))]


def test_the_cuts_are_those_of_format_1() -> None:
    """If this fails, a file that has not changed would be stored anew: it is a new `Gitstore-Format`."""
    assert (
        hashlib.sha256(STREAM).hexdigest()
        == "9e2e0d352113124881ffe8aac9238515266908d327e3a4f8697c414c088f0d98"
    )
    assert lengths(STREAM) == GOLDEN


def test_the_numbers_are_those_of_format_1() -> None:
    assert (PART_MIN, PART_AVERAGE, PART_MAX) == (256 << 10, 1 << 20, 4 << 20)


@settings(max_examples=settings().max_examples // 3)
@given(st.integers(0, len(STREAM)), st.integers(0, 10))
def test_parts_add_up_to_the_stream_however_it_is_read(size: int, seed: int) -> None:
    content = STREAM[:size]
    whole = list(cut_stream(BytesIO(content)))
    assert b"".join(whole) == content
    assert all(PART_MIN <= len(part) <= PART_MAX for part in whole[:-1])
    assert all(0 < len(part) <= PART_MAX for part in whole)
    assert list(cut_stream(Trickle(content, seed))) == whole


def test_a_stream_is_cut_like_a_buffer() -> None:
    cutter = FastCDC(PART_AVERAGE, min_size=PART_MIN, max_size=PART_MAX, normalized_chunking=1, seed=0)
    assert lengths(STREAM) == [len(chunk.data) for chunk in cutter.cut_buf(STREAM)]


@pytest.mark.parametrize("size", [0, 1, PART_MIN - 1, PART_MIN])
def test_a_stream_under_the_smallest_part_is_one_part(size: int) -> None:
    assert lengths(STREAM[:size]) == [size] * bool(size)


def test_what_has_no_features_is_cut_at_the_largest_size() -> None:
    assert lengths(bytes(9 * MIB)) == [PART_MAX, PART_MAX, MIB]


@settings(max_examples=settings().max_examples // 3)
@given(
    at=st.integers(0, len(STREAM)),
    removed=st.integers(0, 300_000),
    inserted=st.integers(0, 300_000),
)
def test_an_edit_changes_only_the_parts_around_it(
    before: list[bytes], at: int, removed: int, inserted: int
) -> None:
    edited = STREAM[:at] + noise(inserted, seed=2) + STREAM[at + removed :]
    after = list(cut_stream(BytesIO(edited)))
    end = min(at + removed, len(STREAM))
    assert _common_bytes(before, after) >= at - PART_MAX
    # Behind the edit the cuts meet again at the first that both take; with this stream, within three parts.
    assert _common_bytes(before[::-1], after[::-1]) >= len(STREAM) - end - 3 * PART_MAX
    fresh = set(after) - set(before)
    assert sum(map(len, fresh)) <= inserted + 4 * PART_MAX


def _common_bytes(one: list[bytes], other: list[bytes]) -> int:
    """The bytes of the parts that two sequences begin with alike."""
    size = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        size += len(mine)
    return size
