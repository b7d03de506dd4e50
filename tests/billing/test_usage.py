"""Usage now and over a period, by ref and by model, and that it agrees with the invoices."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from gitstore.billing.invoice import make_invoices
from gitstore.billing.meter import BilledRef, ByteChange
from gitstore.billing.periods import parse_month, parse_time
from gitstore.billing.prices import DatedPrice, parse_price
from gitstore.billing.usage import find_current_usage, find_period_usage, sum_up_models
from gitstore.units import GIB

NOVEMBER = parse_month("2026-11")
PRICES = [
    DatedPrice(parse_time("2026-01-01"), parse_price("0.02/GiB-month")),
    DatedPrice(parse_time("2026-11-16"), parse_price("0.03/GB-month")),
]
V1 = BilledRef("acme", "digits", "refs/tags/v1", "a" * 40)
MAIN = BilledRef("acme", "digits", "refs/heads/main")
DOGS = BilledRef("zoo", "dogs", "refs/tags/v1", "b" * 40)


def at(text: str, ref: BilledRef, size: int) -> ByteChange:
    return ByteChange(parse_time(text) * 1_000_000, ref, size)


CHANGES = [
    at("2026-10-01", V1, GIB),
    at("2026-10-01", MAIN, 1024),
    at("2026-11-11", V1, -GIB),
    at("2026-11-12T10:00:00", DOGS, 2 * GIB),
]


def test_what_is_stored_now_and_what_a_month_of_it_costs() -> None:
    def found(text: str) -> list[tuple[BilledRef, int, int]]:
        lines = find_current_usage(CHANGES, prices=PRICES[:1], now=parse_time(text))
        return [(line.subject, line.bytes, line.cost) for line in lines]

    assert found("2026-09-30T23:59:59") == []
    assert found("2026-11-01") == [(MAIN, 1024, 0), (V1, GIB, 20_000)]
    assert found("2026-11-12T10:00:00") == [(MAIN, 1024, 0), (DOGS, 2 * GIB, 40_000)]


def test_models_are_the_sums_of_their_refs() -> None:
    lines = find_period_usage(sum_up_models(CHANGES), NOVEMBER, prices=PRICES[:1])
    first, second = lines
    assert (first.subject, first.bytes) == (BilledRef("acme", "digits", ""), 1024)
    assert first.byte_seconds == GIB * 10 * 86400 + 1024 * 30 * 86400
    assert first.seconds == 30 * 86400
    assert (first.cost, second.subject.model, second.bytes) == (6667, "dogs", 2 * GIB)


CHANGED = st.lists(
    st.tuples(st.integers(-40, 40 * 86400), st.sampled_from([V1, MAIN, DOGS]), st.integers(1, 2**40)),
    max_size=12,
)


@given(CHANGED)
def test_usage_of_a_month_costs_what_its_invoices_say(steps: list[tuple[int, BilledRef, int]]) -> None:
    changes = [
        ByteChange((NOVEMBER.since + time) * 1_000_000, ref, size) for time, ref, size in sorted(steps)
    ]
    invoices = {
        invoice.owner: invoice for invoice in make_invoices(changes, NOVEMBER, prices=PRICES, currency="EUR")
    }
    for lines in (
        find_period_usage(changes, NOVEMBER, prices=PRICES),
        find_period_usage(sum_up_models(changes), NOVEMBER, prices=PRICES),
    ):
        for owner in ("acme", "zoo"):
            own = [line for line in lines if line.subject.owner == owner]
            invoice = invoices.get(owner)
            assert sum(line.cost for line in own) == (invoice.total if invoice else 0)
            charged = [line.metered for line in invoice.lines] if invoice else []
            assert sum(line.byte_seconds for line in own) == sum(part.byte_seconds for part in charged)
