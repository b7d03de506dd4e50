"""Invoices: what an owner's refs cost in a period, line by line.

A line is what one ref cost at one price. Its exact amount is a fraction, and so is the sum of the lines. The
sum is rounded half up to a micro-unit, once, and the lines so that they add up to it (see `money`). A period
of a month that is not over is charged up to the second that the caller calls its end; the price of a month
still is that of the whole month.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from gitstore.billing.meter import ByteChange, MeteredRef, measure_periods, sort_key
from gitstore.billing.money import round_half_up, round_parts
from gitstore.billing.periods import Period
from gitstore.billing.prices import DatedPrice, PricedPeriod, split_by_price


@dataclass(frozen=True)
class InvoiceLine:
    """What one ref cost at one price; `amount` in micro-units. Without a price, it cost nothing."""

    metered: MeteredRef
    priced: PricedPeriod
    amount: int


@dataclass(frozen=True)
class Invoice:
    """What an owner owes for a period, in micro-units of a currency. The lines add up to the total."""

    owner: str
    period: Period
    currency: str
    lines: tuple[InvoiceLine, ...]

    @property
    def total(self) -> int:
        """The sum of the lines."""
        return sum(line.amount for line in self.lines)


class ExactLine(NamedTuple):
    """A line before it is rounded."""

    metered: MeteredRef
    priced: PricedPeriod
    amount: Fraction


def make_invoices(
    changes: Iterable[ByteChange], period: Period, *, prices: Sequence[DatedPrice], currency: str
) -> list[Invoice]:
    """Return an invoice for each owner who was charged for bytes in a period, by name.

    `changes` are all changes since the ledger began, ordered by time.
    """
    by_owner: dict[str, list[ExactLine]] = defaultdict(list)
    for line in charge_refs(changes, period, prices):
        by_owner[line.metered.subject.owner].append(line)
    return [Invoice(owner, period, currency, _round_lines(by_owner[owner])) for owner in sorted(by_owner)]


def charge_total(changes: Iterable[ByteChange], period: Period, *, prices: Sequence[DatedPrice]) -> int:
    """Return what all refs together cost in a period, in micro-units, rounded half up once."""
    return round_half_up(sum((line.amount for line in charge_refs(changes, period, prices)), Fraction()))


def charge_refs(
    changes: Iterable[ByteChange], period: Period, prices: Sequence[DatedPrice]
) -> list[ExactLine]:
    """Return the lines of all owners, by the name of the ref, those of one ref in the order of time."""
    priced = list(split_by_price(period, prices))
    measured = measure_periods(changes, [part.period for part in priced])
    lines = [
        ExactLine(metered, part, part.charge(metered.byte_seconds))
        for part, (_, refs) in zip(priced, measured, strict=True)
        for metered in refs
        if metered.byte_seconds
    ]
    return sorted(lines, key=lambda line: sort_key(line.metered.subject))


def _round_lines(lines: Sequence[ExactLine]) -> tuple[InvoiceLine, ...]:
    amounts = round_parts([line.amount for line in lines])
    return tuple(
        InvoiceLine(line.metered, line.priced, amount) for line, amount in zip(lines, amounts, strict=True)
    )
