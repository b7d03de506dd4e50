"""Tasks that are part of a larger one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from gitstore.progress import weigh


@pytest.mark.parametrize("steps", [[], [3], [1, 1, 1], [1], [2, 2], [5], [0, 3]])
def test_a_task_has_its_weight_in_the_end(steps: list[int]) -> None:
    """Also if it has done less than it expected, or more."""
    reported: list[int] = []
    with weigh(reported.append, 100) as (expect, progress):
        expect(3)
        for step in steps:
            progress(step)
        assert sum(reported) == 100 * min(sum(steps), 3) // 3
    assert sum(reported) == 100
    assert min(reported) >= 0


def test_a_task_that_never_counts() -> None:
    reported: list[int] = []
    with weigh(reported.append, 100) as (_, progress):
        progress(7)
        assert reported == []
    assert reported == [100]


def test_steps_of_several_threads() -> None:
    reported: list[int] = []
    with weigh(reported.append, 1_000_003) as (expect, progress):
        expect(4000)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(progress, [1] * 4000))
        assert sum(reported) == 1_000_003
    assert sum(reported) == 1_000_003
