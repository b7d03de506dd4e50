"""Weights as a trained model has them: normal, with another spread in each row."""

from __future__ import annotations

from functools import cache

import numpy as np

_ROWS, _ROW = 2048, 1024


@cache
def _numbers(seed: int, rows: int) -> np.ndarray:
    """So many rows of the matrix: the first ones of all."""
    random = np.random.default_rng(seed)
    spread = 0.02 * np.exp(random.normal(0, 0.3, (_ROWS, 1))).astype(np.float32)[:rows]
    return (random.standard_normal((rows, _ROW), dtype=np.float32) * spread).ravel()


def weights(dtype: str, count: int, seed: int = 0) -> bytes:
    """Return little-endian numbers; bfloat16 is the upper half of float32."""
    numbers = np.resize(_numbers(seed, min(_ROWS, -(-count // _ROW))), count)
    if dtype == "bfloat16":
        return (numbers.view("<u4") >> 16).astype("<u2").tobytes()
    return numbers.astype(np.dtype(dtype).newbyteorder("<")).tobytes()
