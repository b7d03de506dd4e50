"""What the models of a store use and cost: rows of the ledger, with the prices of store.yaml.

Times are integer microseconds since 1970, as in the ledger; `billing/` has the arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from gitstore.billing import cloud_events, forecast, invoice, usage
from gitstore.billing.forecast import RemovalForecast
from gitstore.billing.invoice import Invoice
from gitstore.billing.ledger_rows import read_changes
from gitstore.billing.meter import ByteChange
from gitstore.billing.periods import MICROSECONDS, Period
from gitstore.billing.prices import find_price
from gitstore.billing.usage import UsageLine
from gitstore.errors import NoSuchSnapshot
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import LedgerRow, Settlement
from gitstore.policy.role import Role
from gitstore.store.access import OPERATOR, User, find_role, no_such_model
from gitstore.store.names import ModelName, SnapshotName, parse_model_name
from gitstore.store.store import Store

DELAY = 300
"""Seconds after which a window of time is over for `make_usage_events`.

A transaction takes its time before it waits for others, which is at most `disk.sqlite.WAIT`.
"""

SOURCE = "urn:gitstore:store"
"""The source of usage events if store.yaml has no URL."""

_PREVIEW = "forecast"


def find_usage(
    store: Store, name: str | None, period: Period | None, *, now: int, user: User = OPERATOR
) -> list[UsageLine]:
    """Return what an owner or a model ("OWNER/MODEL") uses, or all of them: now, or over a period.

    For a model it is a line for each ref, otherwise one for each model. Models that the user may not read
    are left out; raises `AccessDenied` if it is the only one, or does not exist and never did.
    """
    with store.ledger() as ledger:
        changes = list(read_changes(ledger.rows(name)))
    if user != OPERATOR:
        readable = _find_readable(store, changes, user)
        changes = [change for change in changes if change.subject[:2] in readable]
    if name is None or "/" not in name:
        changes = usage.sum_up_models(changes)
    elif not changes:
        _check_exists(store, parse_model_name(name), user)
    prices = store.config.dated_prices()
    if period is not None:
        return usage.find_period_usage(changes, _until_now(period, now), prices=prices)
    return usage.find_current_usage(changes, prices=prices, now=now // MICROSECONDS)


def _check_exists(store: Store, name: ModelName, user: User) -> None:
    if find_role(store.config, user, name) < Role.READ:
        raise no_such_model(user, name)
    store.find_model(name, user)


def _find_readable(store: Store, changes: Sequence[ByteChange], user: User) -> set[tuple[str, ...]]:
    names = {ModelName(change.subject.owner, change.subject.model) for change in changes}
    return {name for name in names if find_role(store.config, user, name) >= Role.READ}


def make_invoices(store: Store, owner: str | None, month: Period, *, now: int) -> list[Invoice]:
    """Return the invoices of a month, of one owner or of all. A month that is not over goes up to `now`."""
    with store.ledger() as ledger:
        changes = list(read_changes(ledger.rows(owner)))
    period = _until_now(month, now)
    config = store.config
    return invoice.make_invoices(changes, period, prices=config.dated_prices(), currency=config.currency)


def make_usage_events(store: Store, since: int, *, now: int, seconds: int) -> Iterator[dict[str, Any]]:
    """Yield CloudEvents for the windows of `seconds` that began at the second `since` or later, and are over.

    Whenever it is called, an event with the same id is the same. Their source is the store's URL.
    """
    until = now // MICROSECONDS - DELAY
    with store.ledger() as ledger:
        changes = list(read_changes(ledger.rows(until=until * MICROSECONDS)))
    period = Period(since, max(since, until))
    source = store.config.url or SOURCE
    yield from cloud_events.make_usage_events(changes, period, seconds=seconds, source=source)


def forecast_months(store: Store, *, now: int) -> list[tuple[str, int]]:
    """Return each owner with what the current month costs if nothing changes until its end."""
    with store.ledger() as ledger:
        changes = list(read_changes(ledger.rows()))
    prices, second = store.config.dated_prices(), now // MICROSECONDS
    by_owner = {owner: [c for c in changes if c.subject.owner == owner] for owner in _owners(changes)}
    return [
        (owner, forecast.project_month(own, prices=prices, now=second)) for owner, own in by_owner.items()
    ]


def _owners(changes: Sequence[ByteChange]) -> list[str]:
    return sorted({change.subject.owner for change in changes})


def forecast_removal(store: Store, names: Sequence[ModelName | SnapshotName], *, now: int) -> RemovalForecast:
    """Return what removing models and snapshots together would save a month. Nothing is removed.

    The ledger records the removal in a transaction that is rolled back, so it is exact. Raises `AccessDenied`
    if there is no such model, and `NoSuchSnapshot`.
    """

    def remove(ledger: Ledger) -> Iterator[Settlement]:
        for name in names:
            if isinstance(name, SnapshotName):
                if name.ref not in ledger.refs(str(name.model)):
                    raise NoSuchSnapshot(f"there is no snapshot {name} in this store")
                refs = {name.ref: None}
                yield ledger.delete(str(name.model), refs, transaction=_PREVIEW, now=now)
            else:
                yield ledger.delete_model(str(name), transaction=_PREVIEW, now=now)

    for name in names:
        store.find_model(name.model if isinstance(name, SnapshotName) else name)
    with store.ledger() as ledger:
        rows = _preview(ledger, remove)
    return price_removal(store, rows, now=now).forecast


class PricedRemoval(NamedTuple):
    """The rows that a removal adds to the ledger, and what it saves; nothing if `has_price` is false."""

    rows: Sequence[LedgerRow]
    forecast: RemovalForecast
    currency: str
    has_price: bool

    @property
    def saved(self) -> int | None:
        """What it saves a month, in micro-units; `None` without a price."""
        return self.forecast.cost if self.has_price else None


def price_removal(store: Store, rows: Sequence[LedgerRow], *, now: int) -> PricedRemoval:
    """Return what a removal saves, from the rows that it adds to the ledger."""
    prices, second = store.config.dated_prices(), now // MICROSECONDS
    saving = forecast.forecast_removal(read_changes(rows), prices=prices, now=second)
    return PricedRemoval(rows, saving, store.config.currency, find_price(prices, second) is not None)


class _RolledBack(Exception):
    """Ends a transaction without its changes."""


def _preview(ledger: Ledger, change: Callable[[Ledger], Iterator[Settlement]]) -> list[LedgerRow]:
    """Return the rows that some changes would add."""
    rows: list[LedgerRow] = []
    with suppress(_RolledBack), ledger.transaction():
        for settlement in change(ledger):
            rows += settlement.rows
        raise _RolledBack
    return rows


def _until_now(period: Period, now: int) -> Period:
    """Return a period without what is still to come."""
    second = now // MICROSECONDS
    return Period(min(period.since, second), min(period.until, second))
