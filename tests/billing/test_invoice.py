"""Invoices: lines that add up, and what each of them says."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from gitstore.billing.invoice import charge_total, make_invoices
from gitstore.billing.meter import BilledRef, ByteChange
from gitstore.billing.periods import Period, parse_month, parse_time
from gitstore.billing.prices import DatedPrice, parse_price
from gitstore.units import GIB

NOVEMBER = parse_month("2026-11")
CHEAP, DEAR = parse_price("0.02/GiB-month"), parse_price("0.05/GiB-month")
PRICES = [DatedPrice(parse_time("2026-01-01"), CHEAP)]
DIGITS = BilledRef("acme", "digits", "refs/tags/v1", "a" * 40)
OTHER = BilledRef("zoo", "dogs", "refs/tags/v1", "b" * 40)


def at(text: str, ref: BilledRef, size: int) -> ByteChange:
    return ByteChange(parse_time(text) * 1_000_000, ref, size)


def test_a_gib_for_half_a_month() -> None:
    changes = [at("2026-11-01", DIGITS, GIB), at("2026-11-16", DIGITS, -GIB)]
    (invoice,) = make_invoices(changes, NOVEMBER, prices=PRICES, currency="EUR")
    (line,) = invoice.lines
    assert (line.metered.subject, line.metered.average, line.metered.seconds) == (DIGITS, GIB, 15 * 86400)
    assert (line.amount, invoice.total, invoice.owner, invoice.currency) == (10_000, 10_000, "acme", "EUR")


def test_a_price_that_changes_has_a_line_of_its_own() -> None:
    changes = [at("2025-05-05", DIGITS, GIB)]
    prices = [*PRICES, DatedPrice(parse_time("2026-11-16"), DEAR)]
    (invoice,) = make_invoices(changes, NOVEMBER, prices=prices, currency="EUR")
    assert [(line.priced.price, line.amount) for line in invoice.lines] == [(CHEAP, 10_000), (DEAR, 25_000)]
    assert [line.metered.seconds for line in invoice.lines] == [15 * 86400] * 2


def test_storage_without_a_price_costs_nothing() -> None:
    (invoice,) = make_invoices([at("2026-11-01", DIGITS, GIB)], NOVEMBER, prices=[], currency="EUR")
    assert [(line.priced.price, line.amount) for line in invoice.lines] == [(None, 0)]


def test_each_owner_has_an_invoice() -> None:
    changes = [at("2026-11-01", OTHER, GIB), at("2026-11-01", DIGITS, GIB)]
    invoices = make_invoices(changes, NOVEMBER, prices=PRICES, currency="EUR")
    assert [(invoice.owner, invoice.total) for invoice in invoices] == [("acme", 20_000), ("zoo", 20_000)]
    assert make_invoices([], NOVEMBER, prices=PRICES, currency="EUR") == []


def test_a_month_that_is_not_over_is_charged_up_to_now_at_the_price_of_the_whole_month() -> None:
    period = Period(NOVEMBER.since, parse_time("2026-11-04"))
    (invoice,) = make_invoices([at("2026-10-01", DIGITS, GIB)], period, prices=PRICES, currency="EUR")
    assert invoice.total == 2_000


def test_thirds_of_a_micro_unit_add_up() -> None:
    """A line of each is rounded, and yet three refs of a third cost one micro-unit."""
    refs = [DIGITS._replace(ref=f"refs/tags/v{i}") for i in range(3)]
    price = DatedPrice(0, parse_price("0.000001/MiB-month"))
    changes = [at("2026-11-01", ref, 2**20) for ref in refs]
    changes += [at("2026-11-11", ref, -(2**20)) for ref in refs]
    (invoice,) = make_invoices(changes, NOVEMBER, prices=[price], currency="EUR")
    assert [line.amount for line in invoice.lines] == [1, 0, 0]


def test_an_exabyte_for_a_century_is_still_exact() -> None:
    period = Period(parse_time("2000-01-01"), parse_time("2100-01-01"))
    prices = [DatedPrice(0, parse_price("0.02/GiB-month"))]
    (invoice,) = make_invoices([at("1999-01-01", DIGITS, 2**60)], period, prices=prices, currency="EUR")
    assert invoice.total == 2**30 * 20_000 * 1200
    assert len(invoice.lines) == 1200


SIZES = st.lists(st.integers(1, 2**50), min_size=1, max_size=12)


@given(SIZES, st.lists(st.integers(0, 40 * 86400), min_size=12, max_size=12))
def test_lines_add_up_to_the_exact_sum_rounded_once(sizes: list[int], ends: list[int]) -> None:
    start = NOVEMBER.since - 5 * 86400
    changes, exact = [], Fraction()
    for i, (size, end) in enumerate(zip(sizes, ends, strict=False)):
        ref = DIGITS._replace(ref=f"refs/tags/v{i}")
        changes += [
            ByteChange(start * 1_000_000, ref, size),
            ByteChange((start + end) * 1_000_000, ref, -size),
        ]
        held = min(max(start + end, NOVEMBER.since), NOVEMBER.until) - NOVEMBER.since
        exact += Fraction(size, GIB) * Fraction(held, 30 * 86400) * Fraction("0.02") * 10**6
    changes.sort(key=lambda change: change.time)
    invoices = make_invoices(changes, NOVEMBER, prices=PRICES, currency="EUR")
    total = sum(line.amount for invoice in invoices for line in invoice.lines)
    assert total == sum(invoice.total for invoice in invoices)
    assert abs(total - exact) <= Fraction(1, 2)
    assert total == charge_total(changes, NOVEMBER, prices=PRICES)
