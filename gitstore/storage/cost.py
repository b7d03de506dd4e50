"""What the usage of a repository costs a month at a price, by the rules of `billing/`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from gitstore.billing.forecast import charge_month_in_parts, charge_month_once
from gitstore.billing.prices import Price
from gitstore.storage.usage import Usage


@dataclass(frozen=True)
class UsageCost:
    """Costs a month, in micro-units of whatever currency the price is in.

    `charged` has what each holder is charged, in the order of the usage's holders, and `saved` what removing
    it would save. `models` has the charges of each model. Those of the holders, and those of the models, add
    up to `total`.
    """

    price: Price
    charged: list[int]
    saved: list[int]
    models: list[int]
    total: int


def price_usage(usage: Usage, price: Price, *, now: int) -> UsageCost:
    """Return what a repository's live objects cost in the month that the second `now` is in."""
    charged = charge_month_in_parts([holder.charged for holder in usage.holders], price, now=now)
    by_model: dict[str | None, int] = defaultdict(int)
    for holder, amount in zip(usage.holders, charged, strict=True):
        by_model[holder.model] += amount
    saved = [charge_month_once(holder.exclusive, price, now=now) for holder in usage.holders]
    return UsageCost(price, charged, saved, [by_model[model.name] for model in usage.models], sum(charged))
