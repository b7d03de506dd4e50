"""Prices of storage: how they are written, from when they hold, and what byte-seconds cost.

`0.02/GiB-month` is an amount of money for a size that is stored for a time. A month is the calendar month in
UTC that the bytes were stored in, with its real length, as object stores bill it: a GiB that is stored all of
February costs what it costs all of March. Decimal text becomes an exact fraction, never a float.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

from gitstore.billing.money import MICRO
from gitstore.billing.periods import Period, find_month, split_at_months
from gitstore.text import quoted
from gitstore.units import SIZES

_TIMES = {"hour": 3600, "day": 86400, "month": None}
_SIZES = ("MiB", "GiB", "TiB", "MB", "GB", "TB")

PRICE_PATTERN = rf"^([0-9]{{1,9}}(?:\.[0-9]{{1,9}})?)/({'|'.join(_SIZES)})-({'|'.join(_TIMES)})$"
"""What a price looks like, for Python and for editors: nothing that ECMAScript does not have."""


class Price(NamedTuple):
    """What it costs to store `size` bytes for `seconds`; for a calendar month if `seconds` is None.

    `amount` is in units of the currency. `text` is the price as it was written.
    """

    text: str
    amount: Fraction
    size: int
    seconds: int | None

    def charge(self, byte_seconds: int, month: Period) -> Fraction:
        """Return what byte-seconds in this month cost, in micro-units, exactly."""
        seconds = self.seconds or month.seconds
        return self.amount * MICRO * byte_seconds / (self.size * seconds)

    def charge_month(self, size: int, now: int) -> Fraction:
        """Return what `size` bytes cost in the whole month that the second `now` is in, in micro-units."""
        month = find_month(now)
        return self.charge(size * month.seconds, month)


class DatedPrice(NamedTuple):
    """A price, and the second from which it holds."""

    since: int
    price: Price


class PricedPeriod(NamedTuple):
    """A period within one month in which one price holds. Without a price, storage costs nothing."""

    period: Period
    price: Price | None

    def charge(self, byte_seconds: int) -> Fraction:
        """Return what byte-seconds in this period cost, in micro-units, exactly."""
        if self.price is None:
            return Fraction()
        return self.price.charge(byte_seconds, find_month(self.period.since))


def parse_price(text: str) -> Price:
    """Read a price such as `0.02/GiB-month`. Raises ValueError, with one line that says what is allowed."""
    match = re.fullmatch(PRICE_PATTERN, text)
    if match is None:
        raise ValueError(
            f"{quoted(text)} is not a price; write an amount, one of {', '.join(_SIZES)}, and"
            f" {', '.join(list(_TIMES)[:-1])} or month: 0.02/GiB-month"
        )
    return Price(text, Fraction(match[1]), SIZES[match[2]], _TIMES[match[3]])


def find_price(prices: Sequence[DatedPrice], second: int) -> Price | None:
    """Return the price that holds at a second: the last one that began before it or at it."""
    held = [entry for entry in prices if entry.since <= second]
    return max(held, key=lambda entry: entry.since).price if held else None


def split_by_price(period: Period, prices: Sequence[DatedPrice]) -> Iterator[PricedPeriod]:
    """Yield the parts of a period that have one price and are in one month each, in order."""
    for month in split_at_months(period):
        inner = {entry.since for entry in prices if month.since < entry.since < month.until}
        times = sorted({month.since, month.until} | inner)
        for since, until in pairwise(times):
            yield PricedPeriod(Period(since, until), find_price(prices, since))
