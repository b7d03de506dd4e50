"""Money beside bytes: what a repository's usage costs a month."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from gitstore.billing.periods import parse_time
from gitstore.billing.prices import parse_price
from gitstore.storage import usage
from gitstore.storage.cost import price_usage
from tests.support import scenes

NOW = parse_time("2026-11-12T10:00:00Z")


def test_costs_add_up_to_what_all_live_bytes_cost(tmp_path: Path) -> None:
    measured = usage.measure(scenes.derived(tmp_path).repository)
    cost = price_usage(measured, parse_price("0.7/MiB-month"), now=NOW)
    exact = Fraction("0.7") * 1_000_000 * measured.live / 2**20
    assert cost.total == round(exact) > 1000
    assert sum(cost.charged) == sum(cost.models) == cost.total
    assert len(cost.charged) == len(cost.saved) == len(measured.holders)
    for holder, saved in zip(measured.holders, cost.saved, strict=True):
        assert abs(saved - Fraction("0.7") * 1_000_000 * holder.exclusive / 2**20) <= Fraction(1, 2)


def test_a_price_for_an_hour_is_one_for_each_hour_of_this_month(tmp_path: Path) -> None:
    measured = usage.measure(scenes.snapshot(tmp_path, "v1").repository)
    by_hour = price_usage(measured, parse_price("1/MiB-hour"), now=NOW)
    by_month = price_usage(measured, parse_price("720/MiB-month"), now=NOW)
    assert (by_hour.charged, by_hour.total) == (by_month.charged, by_month.total)
