"""What a month costs, as things are now."""

from __future__ import annotations

from gitstore.billing.forecast import charge_month, project_month
from gitstore.billing.meter import BilledRef, ByteChange
from gitstore.billing.periods import parse_time
from gitstore.billing.prices import DatedPrice, parse_price
from gitstore.units import GIB

PRICES = [
    DatedPrice(parse_time("2026-01-01"), parse_price("0.02/GiB-month")),
    DatedPrice(parse_time("2026-11-16"), parse_price("0.04/GiB-month")),
]
DIGITS = BilledRef("acme", "digits", "refs/tags/v1", "a" * 40)


def test_a_month_costs_what_the_price_of_now_says() -> None:
    costs = [
        charge_month(10 * GIB, prices=PRICES, now=parse_time(text))
        for text in ("2025-01-01", "2026-11-15", "2026-11-16")
    ]
    assert costs == [0, 200_000, 400_000]


def test_a_month_is_projected_with_the_price_that_comes() -> None:
    """Ten days of a GiB, then two of them, twice as dear from the sixteenth."""
    changes = [
        ByteChange(parse_time("2026-10-01") * 1_000_000, DIGITS, GIB),
        ByteChange(parse_time("2026-11-11") * 1_000_000, DIGITS, GIB),
    ]
    projected = project_month(changes, prices=PRICES, now=parse_time("2026-11-12"))
    assert projected == 20_000 * (10 + 2 * 5) // 30 + 40_000 * 2 * 15 // 30
