"""What stored bytes will cost: a month of them as they are now, and what a removal saves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gitstore.billing.invoice import charge_total
from gitstore.billing.meter import ByteChange
from gitstore.billing.money import round_half_up, round_parts
from gitstore.billing.periods import find_month
from gitstore.billing.prices import DatedPrice, Price, find_price


@dataclass(frozen=True)
class OwnerSaving:
    """What an owner is charged less after a removal, a month. Negative for one who inherits from another."""

    owner: str
    bytes: int
    cost: int


@dataclass(frozen=True)
class RemovalForecast:
    """What a removal saves a month: `bytes` that nobody is charged for any more, `cost` in micro-units.

    `owners` has each owner whose charges it changes, by name. Their costs add up to `cost`.
    """

    bytes: int
    cost: int
    owners: tuple[OwnerSaving, ...]


def forecast_removal(
    changes: Iterable[ByteChange], *, prices: Sequence[DatedPrice], now: int
) -> RemovalForecast:
    """Return what a removal saves. `changes` are those that it would make, what others inherit included."""
    freed: dict[str, int] = defaultdict(int)
    for change in changes:
        freed[change.subject.owner] -= change.bytes
    owners = tuple(
        OwnerSaving(owner, size, _charge_difference(size, prices=prices, now=now))
        for owner, size in sorted(freed.items())
        if size
    )
    return RemovalForecast(sum(owner.bytes for owner in owners), sum(owner.cost for owner in owners), owners)


def _charge_difference(size: int, *, prices: Sequence[DatedPrice], now: int) -> int:
    cost = charge_month(abs(size), prices=prices, now=now)
    return cost if size > 0 else -cost


def charge_month(size: int, *, prices: Sequence[DatedPrice], now: int) -> int:
    """Return what `size` bytes cost a month at the price of the second `now`, in micro-units.

    A price for an hour or a day is charged for each one of the month that `now` is in.
    """
    price = find_price(prices, now)
    return charge_month_once(size, price, now=now) if price is not None else 0


def charge_month_once(size: int, price: Price, *, now: int) -> int:
    """Return what `size` bytes cost a month at a price, in micro-units."""
    return round_half_up(price.charge_month(size, now))


def charge_month_in_parts(sizes: Sequence[int], price: Price, *, now: int) -> list[int]:
    """Return what each of several sizes costs a month; the parts add up to what they cost together."""
    return round_parts([price.charge_month(size, now) for size in sizes])


def project_month(changes: Iterable[ByteChange], *, prices: Sequence[DatedPrice], now: int) -> int:
    """Return what the whole month of `now` costs if nothing changes until its end, in micro-units.

    `changes` are all changes since the ledger began, of the refs that matter, ordered by time.
    """
    return charge_total(changes, find_month(now), prices=prices)
