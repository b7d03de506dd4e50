"""An event as CloudEvents 1.0 write it in JSON, for webhooks and programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from gitstore.outbox.events import ModelEvent, type_of

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"
PREFIX = "org.gitstore."
"""What stands before the type of an event, as CloudEvents recommends."""


def describe(event_id: str, event: ModelEvent, *, source: str) -> dict[str, Any]:
    """Return the attributes of CloudEvents, with the event's own keys below `data`."""
    data = msgspec.to_builtins(event)
    data.pop("type", None)
    data.pop("time", None)
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": source,
        "type": PREFIX + type_of(event),
        "subject": f"{event.full_name} {event.subject}"
        if event.subject != event.full_name
        else event.subject,
        "time": format_time(event.time),
        "datacontenttype": "application/json",
        "data": data,
    }


def encode(event_id: str, event: ModelEvent, *, source: str) -> bytes:
    """Return the same as JSON on one line."""
    return json.dumps(describe(event_id, event, source=source)).encode()


def format_time(microseconds: int) -> str:
    """Return a time as RFC 3339 has it, in UTC."""
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    return time.isoformat().replace("+00:00", "Z")
