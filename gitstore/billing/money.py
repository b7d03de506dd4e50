"""Money: integers of micro-units, the millionths of a currency's unit, and how exact amounts become them.

Everything is added up exactly, and rounded once, at the end. The parts of a rounded sum are rounded so that
they add up to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

MICRO = 1_000_000
"""Micro-units in a unit of a currency."""


def round_half_up(amount: Fraction) -> int:
    """Round an amount of micro-units, 0 or more, to the nearest one; exactly half of one is rounded up."""
    return int(amount + Fraction(1, 2))


def round_parts(amounts: Sequence[Fraction]) -> list[int]:
    """Round amounts of micro-units, each 0 or more, so that they add up to their rounded sum.

    Each is rounded down at first. What is then missing from the sum goes, one micro-unit each, to the amounts
    with the largest remainders, and among equal ones to the first. So an amount differs from its exact value
    by less than a micro-unit, and one without a remainder stays as it is.
    """
    rounded = [int(amount) for amount in amounts]
    missing = round_half_up(sum(amounts, Fraction())) - sum(rounded)
    by_remainder = sorted(range(len(amounts)), key=lambda i: rounded[i] - amounts[i])
    for i in by_remainder[:missing]:
        rounded[i] += 1
    return rounded


def format_money(amount: int, currency: str = "") -> str:
    """Spell an amount of micro-units with all six decimals: `12.500000 EUR`."""
    sign = "-" if amount < 0 else ""
    units, rest = divmod(abs(amount), MICRO)
    return f"{sign}{units}.{rest:06} {currency}".rstrip()
