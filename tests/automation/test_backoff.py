"""When something is tried again."""

from __future__ import annotations

from gitstore.automation.backoff import LONGEST, wait_after


def test_waits_grow_up_to_a_limit() -> None:
    waits = [wait_after(attempt, 0.5) for attempt in range(1, 13)]
    assert waits[:3] == [5.0, 15.0, 45.0]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST
    assert wait_after(10**9, 0.5) == LONGEST


def test_chance_spreads_them() -> None:
    assert (wait_after(1, 0.0), wait_after(1, 1.0)) == (3.75, 6.25)
    assert sum(wait_after(attempt, 0.5) for attempt in range(1, 12)) < 2 * 24 * 3600
