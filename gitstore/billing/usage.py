"""What refs or models of a store use and cost: now, or over a period.

The costs of an owner's lines are rounded as those of an invoice, so that both add up to the same.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from gitstore.billing.invoice import charge_refs
from gitstore.billing.meter import BilledRef, ByteChange, measure_refs
from gitstore.billing.money import round_parts
from gitstore.billing.periods import Period
from gitstore.billing.prices import DatedPrice, find_price


@dataclass(frozen=True)
class UsageLine:
    """What a ref or a model uses. `bytes` are those at the end of the period, `cost` is in micro-units."""

    subject: BilledRef
    bytes: int
    seconds: int
    byte_seconds: int
    cost: int


def sum_up_models(changes: Iterable[ByteChange]) -> list[ByteChange]:
    """Return the changes as those of whole models, whose name of a ref is empty."""
    return [
        change._replace(subject=BilledRef(change.subject.owner, change.subject.model, ""))
        for change in changes
    ]


def find_current_usage(
    changes: Iterable[ByteChange], *, prices: Sequence[DatedPrice], now: int
) -> list[UsageLine]:
    """Return what is stored at the second `now`, and what that costs a month.

    `changes` are all changes since the ledger began, ordered by time.
    """
    charged = [ref for ref in measure_refs(changes, Period(now, now + 1)) if ref.bytes]
    price = find_price(prices, now)
    exact = [price.charge_month(ref.bytes, now) if price is not None else Fraction() for ref in charged]
    costs = _round_by_owner([ref.subject.owner for ref in charged], exact)
    return [UsageLine(ref.subject, ref.bytes, 0, 0, cost) for ref, cost in zip(charged, costs, strict=True)]


def find_period_usage(
    changes: Iterable[ByteChange], period: Period, *, prices: Sequence[DatedPrice]
) -> list[UsageLine]:
    """Return what was stored in a period, for how long, and what that cost.

    `changes` are all changes since the ledger began, ordered by time.
    """
    known = list(changes)
    exact: dict[BilledRef, Fraction] = defaultdict(Fraction)
    for line in charge_refs(known, period, prices):
        exact[line.metered.subject] += line.amount
    charged = measure_refs(known, period)
    owners = [ref.subject.owner for ref in charged]
    costs = _round_by_owner(owners, [exact[ref.subject] for ref in charged])
    return [
        UsageLine(ref.subject, ref.bytes, ref.seconds, ref.byte_seconds, cost)
        for ref, cost in zip(charged, costs, strict=True)
    ]


def _round_by_owner(owners: Sequence[str], amounts: Sequence[Fraction]) -> list[int]:
    """Round amounts, which are ordered by owner, so that those of an owner add up to their rounded sum."""
    by_owner: dict[str, list[Fraction]] = defaultdict(list)
    for owner, amount in zip(owners, amounts, strict=True):
        by_owner[owner].append(amount)
    return [rounded for owner in sorted(by_owner) for rounded in round_parts(by_owner[owner])]
