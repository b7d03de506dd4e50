"""Months, dates and windows, in UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.billing.periods import (
    Period,
    find_month,
    format_time,
    parse_month,
    parse_time,
    split_at_months,
    split_evenly,
)

SECONDS = st.integers(31_536_000, 200_000_000_000)


@pytest.mark.parametrize(
    ("text", "days"), [("2026-11", 30), ("2026-12", 31), ("2026-02", 28), ("2028-02", 29), ("2100-02", 28)]
)
def test_a_month_has_its_real_length(text: str, days: int) -> None:
    month = parse_month(text)
    assert month.seconds == days * 86400
    assert format_time(month.since) == f"{text}-01T00:00:00Z"


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-13", "2026-00", "2026-1", "26-11", "1970-01", "9999-12", "2026-11-01", "२०२६-११"],
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a month; write it like 2026-11$"):
        parse_month(text)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-03", "2026-11-03T00:00:00Z"),
        ("2026-11-03T12:30", "2026-11-03T12:30:00Z"),
        ("2026-11-03T12:30:01.999Z", "2026-11-03T12:30:01Z"),
        ("2026-11-03T12:30:00+02:00", "2026-11-03T10:30:00Z"),
        ("2026-11-03T00:30:00+02:00", "2026-11-02T22:30:00Z"),
    ],
)
def test_a_time_is_in_utc(text: str, time: str) -> None:
    assert format_time(parse_time(text)) == time


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-11", "2026-02-30", "0001-01-01", "9999-12-31", "1" * 99]
)
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a date; write it like 2026-11-03 or 2026-11-03T12:00:00Z$"):
        parse_time(text)


@given(SECONDS)
def test_a_second_is_in_its_month(second: int) -> None:
    month, time = find_month(second), datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=second)
    assert month.since <= second < month.until
    assert format_time(month.since) == f"{time.year:04}-{time.month:02}-01T00:00:00Z"
    assert find_month(month.until).since == month.until


@given(SECONDS, st.integers(0, 10**8))
def test_months_cover_a_period_once(since: int, length: int) -> None:
    parts = list(split_at_months(Period(since, since + length)))
    assert sum(part.seconds for part in parts) == length
    assert [part.since for part in parts[1:]] == [part.until for part in parts[:-1]]
    assert all(find_month(part.since) == find_month(part.until - 1) for part in parts)


@given(SECONDS, st.integers(0, 10**6), st.sampled_from([3600, 86400]))
def test_windows_are_whole_and_neighbours(since: int, length: int, window: int) -> None:
    parts = list(split_evenly(Period(since, since + length), window))
    assert all(part.seconds == window and part.since % window == 0 for part in parts)
    assert [part.since for part in parts[1:]] == [part.until for part in parts[:-1]]
    assert all(since <= part.since and part.until <= since + length for part in parts)
    assert length < 2 * window or parts
