"""Bytes of many kinds, one behind the other: floats of each width at any phase, integers, text, noise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from tests.support.content import KIB

Random = np.random.Generator


def _floats(dtype: str) -> Callable[[Random, int], bytes]:
    return lambda random, size: random.normal(0, 0.02, size).astype(dtype).tobytes()


def _bfloat16(random: Random, size: int) -> bytes:
    numbers = random.normal(0, 0.02, size).astype("<f4").view("<u4")
    return (numbers >> 16).astype("<u2").tobytes()


def _half_noise(random: Random, size: int) -> bytes:
    """Words with one plane of nearly, or not quite, 7.5 bits a byte, beside a constant one."""
    values = int(random.integers(150, 256))
    return (random.integers(0, values, size).astype("<u2") << 8).astype("<u2").tobytes()


def _nearly_noise(random: Random, size: int) -> bytes:
    """Words whose planes take nearly 31/32 of what the bytes take as they lie."""
    spread = int(random.integers(100, 256))
    words = random.integers(0, 256, size) | random.integers(0, spread, size) << 8
    return words.astype("<u2").tobytes()


KINDS: dict[str, Callable[[Random, int], bytes]] = {
    "float16": _floats("<f2"),
    "float32": _floats("<f4"),
    "float64": _floats("<f8"),
    "complex64": lambda random, size: (random.normal(0, 1, size) * (1 + 2j)).astype("<c8").tobytes(),
    "big-endian": _floats(">f4"),
    "bfloat16": _bfloat16,
    "int8": lambda random, size: random.normal(0, 30, size).astype("i1").tobytes(),
    "int32": lambda random, size: random.integers(0, 50_000, size).astype("<i4").tobytes(),
    "int64": lambda random, size: random.integers(0, 2**40, size).astype("<i8").tobytes(),
    "text": lambda random, size: b"".join(b"%d, " % number for number in random.integers(0, 10**6, size)),
    "zeros": lambda random, size: bytes(size),
    "noise": lambda random, size: random.bytes(size),
    "half noise": _half_noise,
    "nearly noise": _nearly_noise,
}


def make(kind: str, size: int, seed: int) -> bytes:
    """Return `size` bytes of a kind."""
    content = KINDS[kind](np.random.default_rng(seed), size)
    return content[:size]


@st.composite
def contents(draw: st.DrawFn, max_size: int = 160 * KIB) -> bytes:
    """Up to so many bytes: one to four kinds behind a few odd bytes, often around 64 KiB in all."""
    size = draw(st.integers(64 * KIB - 3, 64 * KIB + 3) | st.integers(0, max_size))
    runs = draw(
        st.lists(st.tuples(st.sampled_from(sorted(KINDS)), st.integers(1, 8)), min_size=1, max_size=4)
    )
    total = sum(weight for _, weight in runs)
    content = b"x" * draw(st.integers(0, 9))
    for kind, weight in runs:
        content += make(kind, size * weight // total + 1, draw(st.integers(0, 2**32 - 1)))
    return content[:size]
