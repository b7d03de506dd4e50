"""What `make test` has no time for: it runs a sample, and `make combinations` the rest.

That is most of each large matrix, most kills of each command, and of what takes seconds all that has a
shorter test beside it. A sample is the same each time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

rest = pytest.mark.only_with("--combinations")
"""A mark for a test of `make combinations` alone."""


def sample(every: int) -> pytest.MarkDecorator:
    """Mark a test of which the suite runs the first set of parameters, and then one of `every`."""
    return pytest.mark.sample(every)


class Samples:
    """Marks what samples leave out, as tests are collected."""

    def __init__(self) -> None:
        self._counts = Counter[str]()

    def add(self, item: pytest.Item) -> None:
        """Look at the next test."""
        mark = item.get_closest_marker("sample")
        if mark is not None:
            function = item.nodeid.partition("[")[0]
            if self._counts[function] % mark.args[0]:
                item.add_marker(rest)
            self._counts[function] += 1


def more(rows: Iterable[Sequence[Any]]) -> list[Any]:
    """Rows of `pytest.mark.parametrize` for `make combinations` alone."""
    return [pytest.param(*row, marks=rest) for row in rows]


def each_pair(first: Iterable[Any], second: Iterable[Any], *, every: int) -> list[Any]:
    """All pairs of two dimensions. The suite runs one of `every`, in which each value takes part in turn."""
    columns = list(second)
    return [
        (row, column) if (number + place) % every == 0 else pytest.param(row, column, marks=rest)
        for number, row in enumerate(first)
        for place, column in enumerate(columns)
    ]
