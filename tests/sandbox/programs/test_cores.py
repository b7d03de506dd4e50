"""Cores: sandboxes that run at the same time have different ones, if there are enough."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from gitstore.sandbox.programs.cores import Cores

ALL = os.sched_getaffinity(0)


@pytest.fixture
def take(tmp_path: Path) -> Iterator[Callable[[int], Cores]]:
    """Takes cores for an owner of its own."""
    with ExitStack() as stack:
        yield lambda count: stack.enter_context(closing(Cores(count, str(tmp_path)[-80:])))


def test_sandboxes_share_out_the_cores(take: Callable[[int], Cores]) -> None:
    taken = [take(1) for _ in ALL]
    assert {number for cores in taken for number in cores.numbers} == ALL
    assert set(take(1).numbers) <= ALL  # there is none that is free
    taken[0].close()
    assert take(1).numbers == taken[0].numbers


@pytest.mark.parametrize("count", [len(ALL), len(ALL) + 1])
def test_all_cores_are_never_refused(take: Callable[[int], Cores], count: int) -> None:
    assert [set(take(count).numbers) for _ in range(2)] == [ALL, ALL]
