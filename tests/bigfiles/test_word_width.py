"""The width that content shows, where no header says it."""

from __future__ import annotations

import numpy as np
import pytest

from gitstore.bigfiles.word_width import SHORTEST, find_width
from tests.support.content import MIB, noise

RANDOM = np.random.default_rng(9)
NORMAL = RANDOM.normal(0, 0.02, MIB // 4)

FLOATS = {
    "float16": (NORMAL.astype("<f2"), 2),
    "bfloat16": ((NORMAL.astype("<f4").view("<u4") >> 16).astype("<u2"), 2),
    "float32": (NORMAL.astype("<f4"), 4),
    "float32, big-endian": (NORMAL.astype(">f4"), 4),
    "squares, as an optimizer has them": ((NORMAL**2).astype("<f4"), 4),
    "float32 that was bfloat16": ((NORMAL.astype("<f4").view("<u4") & 0xFFFF0000).view("<f4"), 4),
    "float64": (NORMAL, 8),
    "uniform float32": (RANDOM.random(MIB // 4, dtype="f4"), 4),
}

OTHERS = {
    "noise": noise(MIB),
    "zeros": bytes(MIB),
    "text": b"".join(b"%d is a number\n" % number for number in range(60_000)),
    "columns of text": b"".join(b"%9.6f\n" % number for number in NORMAL[:30_000]),
    "int8 weights": np.clip(NORMAL * 1500, -127, 127).astype("i1").tobytes(),
    "equal words": b"abcdefgh" * 20_000,
}


@pytest.mark.parametrize("name", FLOATS)
@pytest.mark.parametrize("phase", range(8))
def test_floats_show_wherever_their_words_begin(name: str, phase: int) -> None:
    words, width = FLOATS[name]
    assert find_width(words.tobytes()[phase:]) == width


def test_floats_show_if_their_words_begin_at_another_byte_in_each_piece() -> None:
    """So it is in ONNX files, which have many tensors without alignment in a part."""
    tensor = FLOATS["float32"][0].tobytes()[: 64 * 1024 + 4]
    assert find_width(b"".join(tensor[: 64 * 1024 + phase] for phase in (1, 2, 3, 4))) == 4


def test_floats_in_half_of_a_part_show() -> None:
    tensor = FLOATS["float32"][0].tobytes()[: 512 * 1024]
    assert find_width(tensor + bytes(512 * 1024)) == 4
    assert find_width(tensor[: 256 * 1024] + bytes(768 * 1024)) == 1


@pytest.mark.parametrize("name", OTHERS)
def test_what_has_no_floats_has_no_planes(name: str) -> None:
    assert find_width(OTHERS[name]) == 1


def test_too_little_shows_nothing() -> None:
    content = FLOATS["float32"][0].tobytes()
    assert find_width(content[: SHORTEST - 1]) == 1
    assert find_width(content[:SHORTEST]) == 4
    assert find_width(b"") == 1
