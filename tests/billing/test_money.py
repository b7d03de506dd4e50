"""Rounding once, and parts that add up."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gitstore.billing.money import format_money, round_half_up, round_parts

AMOUNTS = st.lists(st.fractions(0, 10**9, max_denominator=10**6), max_size=30)


@pytest.mark.parametrize(
    ("amount", "rounded"), [("0", 0), ("1/2", 1), ("3/2", 2), ("5/2", 3), ("49/100", 0), ("7", 7)]
)
def test_half_is_rounded_up(amount: str, rounded: int) -> None:
    assert round_half_up(Fraction(amount)) == rounded


@given(AMOUNTS)
def test_parts_add_up_to_the_rounded_sum(amounts: list[Fraction]) -> None:
    rounded = round_parts(amounts)
    assert sum(rounded) == round_half_up(sum(amounts, Fraction()))
    assert all(abs(part - amount) < 1 for part, amount in zip(rounded, amounts, strict=True))


@given(AMOUNTS)
def test_parts_keep_the_order_of_their_amounts(amounts: list[Fraction]) -> None:
    """Who uses more never pays less."""
    amounts.sort(reverse=True)
    rounded = round_parts(amounts)
    assert rounded == sorted(rounded, reverse=True)


def test_what_is_missing_goes_to_the_largest_remainders_and_then_to_the_first() -> None:
    assert round_parts([Fraction(1, 3)] * 3) == [1, 0, 0]
    assert round_parts([Fraction(1, 4), Fraction(1, 2), Fraction(1, 4)]) == [0, 1, 0]
    assert round_parts([Fraction(1), Fraction(1, 2)]) == [1, 1]
    assert round_parts([]) == []


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0.000000 EUR"),
        (1, "0.000001 EUR"),
        (12_500_000, "12.500000 EUR"),
        (-1_500_000, "-1.500000 EUR"),
        (10**21, "1000000000000000.000000 EUR"),
    ],
)
def test_money_is_spelled_with_six_decimals(amount: int, text: str) -> None:
    assert format_money(amount, "EUR") == text
    assert format_money(amount) == text.removesuffix(" EUR")
