"""Periods of time in UTC: whole seconds since 1970, months of the calendar, dates as people write them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from gitstore.text import quoted

MICROSECONDS = 1_000_000
"""Microseconds in a second."""

_LONGEST = 40


class Period(NamedTuple):
    """The seconds from `since` up to `until`, which is not a part of it."""

    since: int
    until: int

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.until - self.since


def find_month(second: int) -> Period:
    """Return the calendar month in UTC that a second is in."""
    first = _EPOCH + timedelta(seconds=second)
    first = first.replace(day=1, hour=0, minute=0, second=0)
    return Period(_second(first), _second((first + timedelta(days=31)).replace(day=1)))


def parse_month(text: str) -> Period:
    """Return a month that is written like `2026-11`. Raises ValueError, with one line that says how."""
    match = re.fullmatch("([0-9]{4})-([0-9]{2})", text)
    if match is None or not (_FIRST_YEAR <= int(match[1]) <= _LAST_YEAR and 1 <= int(match[2]) <= 12):
        raise ValueError(f"{quoted(text[:_LONGEST])} is not a month; write it like 2026-11")
    return find_month(_second(datetime(int(match[1]), int(match[2]), 1, tzinfo=UTC)))


def parse_time(text: str) -> int:
    """Return the first second of a date, or the one of a date and time; in UTC unless it says otherwise.

    Raises ValueError, with one line that says how to write it.
    """
    try:
        time = datetime.fromisoformat(text) if len(text) <= _LONGEST else None
    except ValueError:
        time = None
    if time is None or not _FIRST_YEAR <= time.year <= _LAST_YEAR:
        raise ValueError(
            f"{quoted(text[:_LONGEST])} is not a date; write it like 2026-11-03 or 2026-11-03T12:00:00Z"
        )
    return _second(time if time.tzinfo is not None else time.replace(tzinfo=UTC))


def format_time(second: int) -> str:
    """Spell a second as RFC 3339 does: `2026-11-03T12:00:00Z`."""
    return (_EPOCH + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%SZ")


def split_at_months(period: Period) -> Iterator[Period]:
    """Yield the parts of a period that are in one calendar month each, in order."""
    since = period.since
    while since < period.until:
        until = min(find_month(since).until, period.until)
        yield Period(since, until)
        since = until


def split_evenly(period: Period, length: int) -> Iterator[Period]:
    """Yield the windows of `length` seconds, counted from 1970, that lie wholly in a period."""
    since = -(-period.since // length) * length
    while since + length <= period.until:
        yield Period(since, since + length)
        since += length


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_YEAR, _LAST_YEAR = 1971, 9000


def _second(time: datetime) -> int:
    return (time - _EPOCH) // timedelta(seconds=1)
