"""Usage as CloudEvents: complete windows, stable ids, exact sums."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from gitstore.billing.cloud_events import make_usage_events
from gitstore.billing.meter import BilledRef, ByteChange, measure_refs
from gitstore.billing.periods import Period, parse_time

DIGITS = BilledRef("acme", "digits", "refs/tags/v1", "a" * 40)
MAIN = BilledRef("acme", "digits", "refs/heads/main")
DOGS = BilledRef("zoo", "dogs", "refs/tags/v1", "b" * 40)
DAY = parse_time("2026-11-03")
SOURCE = "https://store.example.org/"


def test_an_event_in_full() -> None:
    changes = [ByteChange(DAY * 1_000_000, DIGITS, 100), ByteChange(DAY * 1_000_000, MAIN, 1)]
    (event,) = make_usage_events(changes, Period(DAY, DAY + 86400), seconds=86400, source=SOURCE)
    assert json.loads(json.dumps(event)) == {
        "specversion": "1.0",
        "type": "gitstore.storage.used",
        "source": SOURCE,
        "id": "acme/digits/2026-11-03T00:00:00Z/86400",
        "time": "2026-11-03T00:00:00Z",
        "subject": "acme",
        "datacontenttype": "application/json",
        "data": {
            "model": "acme/digits",
            "since": "2026-11-03T00:00:00Z",
            "until": "2026-11-04T00:00:00Z",
            "byte_seconds": "8726400",
        },
    }


def test_a_window_that_is_not_over_has_no_event() -> None:
    changes = [ByteChange(DAY * 1_000_000, DIGITS, 100)]
    period = Period(DAY - 5, DAY + 86399)
    assert list(make_usage_events(changes, period, seconds=86400, source=SOURCE)) == []
    assert len(list(make_usage_events(changes, period, seconds=3600, source=SOURCE))) == 23


TIMES = st.lists(
    st.tuples(st.integers(0, 3 * 86400), st.sampled_from([DIGITS, MAIN, DOGS]), st.integers(1, 2**40)),
    max_size=10,
)


@given(TIMES, st.integers(0, 2 * 86400))
def test_whenever_events_are_made_they_are_the_same_and_add_up(
    steps: list[tuple[int, BilledRef, int]], since: int
) -> None:
    changes = [ByteChange((DAY + time) * 1_000_000, ref, size) for time, ref, size in sorted(steps)]
    whole = Period(DAY, DAY + 3 * 86400)
    events = list(make_usage_events(changes, whole, seconds=3600, source=SOURCE))
    later = list(make_usage_events(changes, whole._replace(since=DAY + since), seconds=3600, source=SOURCE))
    by_id = {event["id"]: event for event in events}
    assert len(by_id) == len(events)
    assert [by_id[event["id"]] for event in later] == later
    total = sum(metered.byte_seconds for metered in measure_refs(changes, whole))
    assert sum(int(event["data"]["byte_seconds"]) for event in events) == total
