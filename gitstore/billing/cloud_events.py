"""Usage as CloudEvents 1.0, for a system that meters: one event for each model and window of time.

The windows are hours or days in UTC. The id of an event is made of its model and its window, so it is
the same whenever the event is made, and a system that gets it twice drops one (CloudEvents 1.0: `source` and
`id` together name an event). A window that is over has the same byte-seconds for ever.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from gitstore.billing.meter import ByteChange, MeteredRef, measure_periods
from gitstore.billing.periods import Period, format_time, split_evenly
from gitstore.billing.usage import sum_up_models

TYPE = "gitstore.storage.used"
"""The type of the events."""

WINDOWS = {"hour": 3600, "day": 86400}
"""Seconds in a window."""


def make_usage_events(
    changes: Iterable[ByteChange], period: Period, *, seconds: int, source: str
) -> Iterator[dict[str, Any]]:
    """Yield an event for each window of `seconds` in a period, and each model charged for bytes in it.

    `changes` are all changes since the ledger began, ordered by time. Windows that are not wholly in the
    period are left out.
    """
    for window, models in measure_periods(sum_up_models(changes), split_evenly(period, seconds)):
        for metered in models:
            if metered.byte_seconds:
                yield _make_event(metered, window, source)


def _make_event(metered: MeteredRef, window: Period, source: str) -> dict[str, Any]:
    model = f"{metered.subject.owner}/{metered.subject.model}"
    since = format_time(window.since)
    return {
        "specversion": "1.0",
        "type": TYPE,
        "source": source,
        "id": f"{model}/{since}/{window.seconds}",
        "time": since,
        "subject": metered.subject.owner,
        "datacontenttype": "application/json",
        "data": {
            "model": model,
            "since": since,
            "until": format_time(window.until),
            # A text: many readers of JSON keep only 53 bits of a number.
            "byte_seconds": str(metered.byte_seconds),
        },
    }
