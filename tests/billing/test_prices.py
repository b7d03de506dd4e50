"""Prices: exact, dated, for a real month."""

from __future__ import annotations

import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.billing.periods import Period, parse_month, parse_time
from gitstore.billing.prices import (
    PRICE_PATTERN,
    DatedPrice,
    find_price,
    parse_price,
    split_by_price,
)
from gitstore.units import GIB, SIZES


@pytest.mark.parametrize(
    ("text", "amount", "size", "seconds"),
    [
        ("0.02/GiB-month", Fraction(1, 50), GIB, None),
        ("20/TB-month", Fraction(20), 10**12, None),
        ("0.000027/GiB-hour", Fraction(27, 10**6), GIB, 3600),
        ("0/MiB-day", Fraction(0), 2**20, 86400),
    ],
)
def test_a_price_is_exact(text: str, amount: Fraction, size: int, seconds: int | None) -> None:
    assert parse_price(text) == (text, amount, size, seconds)
    assert re.search(PRICE_PATTERN, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0.02",
        "0.02/GiB",
        "-0.02/GiB-month",
        "0,02/GiB-month",
        "1e-2/GiB-month",
        "0.02/gib-month",
        "0.02/B-month",
        "0.02/KiB-month",
        "1234567890/GiB-month",
        "0.02/GiB-year",
        "0.02 /GiB-month",
        "0.02/GiB-month\n",
        ".02/GiB-month",
        "٢/GiB-month",
        f"0.{'0' * 99}1/GiB-month",
    ],
)
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a price; write an amount, .*: 0\.02/GiB-month$"):
        parse_price(text)


@pytest.mark.parametrize("month", ["2026-02", "2026-11", "2026-12", "2028-02"])
def test_a_gib_costs_the_same_in_every_month(month: str) -> None:
    period = parse_month(month)
    price = parse_price("0.02/GiB-month")
    assert price.charge(GIB * period.seconds, period) == 20_000
    assert price.charge_month(GIB, period.since) == 20_000
    assert price.charge_month(GIB, period.until - 1) == 20_000


def test_an_hour_costs_the_same_in_every_month() -> None:
    price = parse_price("0.5/GB-hour")
    for text in ("2026-02", "2026-12"):
        assert price.charge(10**9 * 3600, parse_month(text)) == 500_000
        assert (
            price.charge_month(10**9, parse_month(text).since) == 500_000 * parse_month(text).seconds // 3600
        )


@given(
    st.decimals(0, 1000, places=6),
    st.sampled_from(["MiB", "GiB", "TiB", "MB", "GB", "TB"]),
    st.integers(0, 2**70),
)
def test_a_charge_is_the_exact_fraction(amount: object, size: str, byte_seconds: int) -> None:
    month = parse_month("2026-11")
    price = parse_price(f"{amount}/{size}-month")
    expected = Fraction(str(amount)) * byte_seconds / SIZES[size] / (30 * 24 * 60 * 60) * 1_000_000
    assert price.charge(byte_seconds, month) == expected


PRICES = [
    DatedPrice(parse_time("2026-11-16"), parse_price("0.04/GiB-month")),
    DatedPrice(parse_time("2026-01-01"), parse_price("0.02/GiB-month")),
]


def test_a_price_holds_from_its_date() -> None:
    found = {
        text: price.text if (price := find_price(PRICES, parse_time(text))) else None
        for text in ("2025-12-31T23:59:59", "2026-01-01", "2026-11-15T23:59:59", "2026-11-16", "2030-01-01")
    }
    assert list(found.values()) == [None, *["0.02/GiB-month"] * 2, *["0.04/GiB-month"] * 2]
    assert find_price([], 0) is None


def test_a_period_is_split_where_prices_and_months_change() -> None:
    period = Period(parse_time("2025-12-31"), parse_time("2026-12-02"))
    parts = list(split_by_price(period, PRICES))
    assert sum(part.period.seconds for part in parts) == period.seconds
    assert len(parts) == 14
    texts = [part.price.text if part.price else None for part in parts]
    assert texts == [None, *["0.02/GiB-month"] * 11, *["0.04/GiB-month"] * 2]
    assert parts[0].charge(10**30) == 0
