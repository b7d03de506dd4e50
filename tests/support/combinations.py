"""Large matrices of tests: the suite runs a sample of each, and `make combinations` the rest of them.

A sample has each value of each dimension at least once, and is the same each time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pytest

_REST = pytest.mark.only_with("--combinations")


def more(rows: Iterable[Sequence[Any]]) -> list[Any]:
    """Rows of `pytest.mark.parametrize` for `make combinations` alone."""
    return [pytest.param(*row, marks=_REST) for row in rows]


def each_pair(first: Iterable[Any], second: Iterable[Any], *, every: int) -> list[Any]:
    """All pairs of two dimensions. The suite runs one of `every`, so that each value takes part in turn."""
    columns = list(second)
    return [
        (row, column) if (number + place) % every == 0 else pytest.param(row, column, marks=_REST)
        for number, row in enumerate(first)
        for place, column in enumerate(columns)
    ]
