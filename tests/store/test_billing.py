"""What a store's models use and cost, from the rows of a real ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.billing.forecast import OwnerSaving
from gitstore.billing.periods import Period, parse_month, parse_time
from gitstore.errors import NoSuchSnapshot
from gitstore.store import billing
from gitstore.store.access import AccessDenied, User
from gitstore.store.names import ModelName, SnapshotName
from gitstore.store.store import Store
from gitstore.units import GIB
from tests.support.ledgers import admit, make_store, microseconds, remove

DIGITS, DOGS = ModelName("acme", "digits"), ModelName("zoo", "dogs")
V1 = SnapshotName(DIGITS, "v1")
DECEMBER = microseconds("2026-12-03")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """digits: v1 and v2 share a GiB, v2 has one more, v1 is removed after half of November; dogs has one."""
    store = make_store(tmp_path / "store", "acme/digits", "zoo/dogs")
    admit(store, "acme/digits", "refs/tags/v1", {"shared": GIB, "first": GIB}, at="2026-11-01")
    admit(store, "acme/digits", "refs/tags/v2", {"shared": GIB, "second": GIB}, at="2026-11-01T00:00:01")
    admit(store, "zoo/dogs", "refs/heads/main", {"code": GIB // 2}, at="2026-11-11")
    remove(store, "acme/digits", "refs/tags/v1", at="2026-11-16T00:00:00")
    return store


def test_usage_now_and_at_an_earlier_time(store: Store) -> None:
    def lines(name: str | None, at: str) -> list[tuple[str, str, int, int]]:
        found = billing.find_usage(store, name, None, now=microseconds(at))
        return [(line.subject.model, line.subject.ref, line.bytes, line.cost) for line in found]

    assert lines(None, "2026-12-01") == [("digits", "", 2 * GIB, 40_000), ("dogs", "", GIB // 2, 10_000)]
    assert lines("zoo", "2026-12-01") == [("dogs", "", GIB // 2, 10_000)]
    assert lines("acme/digits", "2026-11-02") == [
        ("digits", "refs/tags/v1", 2 * GIB, 40_000),
        ("digits", "refs/tags/v2", GIB, 20_000),
    ]
    assert lines("nobody", "2026-12-01") == lines(None, "2026-10-31") == []


def test_usage_of_a_period_goes_up_to_now(store: Store) -> None:
    period = Period(parse_time("2026-11-15T12:00:00"), parse_time("2027-01-01"))
    (line,) = billing.find_usage(store, "zoo", period, now=microseconds("2026-11-15T12:00:10"))
    assert (line.seconds, line.byte_seconds) == (10, 10 * GIB // 2)
    assert billing.find_usage(store, "zoo", period, now=microseconds("2026-11-01")) == []


def test_who_may_not_read_a_model_does_not_see_what_it_uses(store: Store) -> None:
    found = billing.find_usage(store, None, None, now=DECEMBER, user=User("ada"))
    assert [line.subject.owner for line in found] == ["acme"]
    for name in ("zoo/dogs", "zoo/nothing"):
        with pytest.raises(AccessDenied, match=f"^there is no model {name} here that ada may read$"):
            billing.find_usage(store, name, None, now=DECEMBER, user=User("ada"))
    with pytest.raises(AccessDenied, match=r"^there is no model acme/dgits"):
        billing.find_usage(store, "acme/dgits", None, now=DECEMBER)


def test_an_invoice_charges_what_a_snapshot_inherits_from_that_time_on(store: Store) -> None:
    first, second = billing.make_invoices(store, None, parse_month("2026-11"), now=DECEMBER)
    amounts = [(line.metered.subject.ref, line.metered.seconds, line.amount) for line in first.lines]
    assert amounts == [
        ("refs/tags/v1", 15 * 86400, 20_000),
        ("refs/tags/v2", 30 * 86400 - 1, 30_000),  # one second of a month less, which is 0.0077 micro-units
    ]
    assert (first.owner, first.total, second.owner, second.total) == ("acme", 50_000, "zoo", 6_667)
    assert billing.make_invoices(store, "zoo", parse_month("2026-11"), now=DECEMBER) == [second]


def test_usage_events_are_of_windows_that_are_over(store: Store) -> None:
    since = parse_time("2026-11-10")
    now = microseconds("2026-11-13T00:04:59")
    events = list(billing.make_usage_events(store, since, now=now, seconds=86400))
    assert [event["id"] for event in events] == [
        "acme/digits/2026-11-10T00:00:00Z/86400",
        "acme/digits/2026-11-11T00:00:00Z/86400",
        "zoo/dogs/2026-11-11T00:00:00Z/86400",
    ]
    later = list(billing.make_usage_events(store, since, now=DECEMBER, seconds=86400))
    assert later[:3] == events
    assert {event["source"] for event in events} == {"urn:gitstore:store"}


def test_what_a_removal_saves_is_what_nobody_else_needs(store: Store) -> None:
    before = list_rows(store)
    forecast = billing.forecast_removal(store, [SnapshotName(DIGITS, "v2")], now=DECEMBER)
    assert (forecast.bytes, forecast.cost) == (2 * GIB, 40_000)
    assert forecast.owners == (OwnerSaving("acme", 2 * GIB, 40_000),)
    both = billing.forecast_removal(store, [SnapshotName(DIGITS, "v2"), DOGS], now=DECEMBER)
    assert both.cost == 50_000
    assert list_rows(store) == before


def test_what_a_derived_model_inherits_is_not_saved(store: Store) -> None:
    admit(store, "acme/digits", "refs/tags/v3", {"second": GIB, "third": GIB}, at="2026-11-17")
    forecast = billing.forecast_removal(store, [SnapshotName(DIGITS, "v2")], now=DECEMBER)
    assert (forecast.bytes, forecast.cost) == (GIB, 20_000)


def list_rows(store: Store) -> list[object]:
    with store.ledger() as ledger:
        return list(ledger.rows())


def test_what_does_not_exist_cannot_be_removed(store: Store) -> None:
    with pytest.raises(NoSuchSnapshot, match=r"^there is no snapshot acme/digits@v1 in this store$"):
        billing.forecast_removal(store, [V1], now=DECEMBER)
    with pytest.raises(AccessDenied, match="there is no model acme/nothing"):
        billing.forecast_removal(store, [ModelName("acme", "nothing")], now=DECEMBER)


def test_this_month_is_projected_for_each_owner(store: Store) -> None:
    now = microseconds("2026-11-20")
    assert billing.forecast_months(store, now=now) == [("acme", 50_000), ("zoo", 6_667)]
