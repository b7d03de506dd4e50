"""What a month costs, as things are now."""

from __future__ import annotations

from gitstore.billing.forecast import OwnerSaving, charge_month, forecast_removal, project_month
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


def test_a_removal_saves_what_nobody_inherits() -> None:
    other = DIGITS._replace(owner="zoo", model="dogs")
    changes = [ByteChange(0, DIGITS, -3 * GIB), ByteChange(0, other, GIB)]
    changes += [ByteChange(0, DIGITS._replace(ref="refs/heads/main"), GIB // 2)]
    forecast = forecast_removal(changes, prices=PRICES, now=parse_time("2026-11-01"))
    assert (forecast.bytes, forecast.cost) == (3 * GIB // 2, 30_000)
    assert forecast.owners == (OwnerSaving("acme", 5 * GIB // 2, 50_000), OwnerSaving("zoo", -GIB, -20_000))


def test_a_removal_of_what_another_ref_needs_saves_nothing() -> None:
    changes = [ByteChange(0, DIGITS, -7), ByteChange(0, DIGITS._replace(ref="refs/tags/v2"), 7)]
    forecast = forecast_removal(changes, prices=PRICES, now=parse_time("2026-11-01"))
    assert (forecast.bytes, forecast.cost, forecast.owners) == (0, 0, ())
