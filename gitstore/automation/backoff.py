"""When a failed delivery is tried again: later each time, and not all at the same moment. Pure."""

from __future__ import annotations

FIRST = 5.0
"""Seconds before the second attempt."""

FACTOR = 3.0
LONGEST = 6 * 3600.0
"""Seconds between two attempts at most. Twelve attempts take about a day and a half."""


def wait_after(attempt: int, chance: float) -> float:
    """Return the seconds to wait after the failed attempt of this number, counted from 1.

    `chance` is a random number from 0 to 1: the wait is between three quarters and five quarters of what
    the number says, so that receivers that come back are not met by all at once.
    """
    planned = min(FIRST * FACTOR ** min(attempt - 1, 20), LONGEST)
    return planned * (0.75 + 0.5 * chance)
