"""How a library function reports its progress."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

Progress = Callable[[int], None]
"""Called with the number of bytes processed since the last call."""


@contextmanager
def weigh(progress: Progress, weight: int) -> Iterator[tuple[Progress, Progress]]:
    """Report a task as part of a larger one: `weight` in all, such as its bytes, whatever it counts itself.

    The block gets a function for the number of the task's own steps, and one for the steps that are done,
    which several threads may call. What is left of the weight is reported at the end of the block.
    """
    lock, total, finished, reported = Lock(), 0, 0, 0

    def expect(number: int) -> None:
        nonlocal total
        total = number

    def advance(number: int) -> None:
        nonlocal finished, reported
        with lock:
            finished += number
            share = weight * min(finished, total) // total - reported if total else 0
            reported += share
        if share:
            progress(share)

    yield expect, advance
    progress(weight - reported)


PROGRESS = {"is_progress": True}
"""The `extra` of a record of `logging` that is shown on a terminal only."""

TRANSIENT = {"is_progress": True, "is_transient": True}
"""The same for one line of a terminal, which the next record replaces."""
