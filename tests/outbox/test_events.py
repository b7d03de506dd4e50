"""Each event is JSON and comes back; the types are those of issue 11."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from gitstore.outbox import events
from gitstore.outbox.events import EVENT_TYPES, ModelEvent

FACTS: dict[str, Any] = {
    "snapshot": "v1", "ref": "refs/tags/v1", "tag": "a" * 40, "old_snapshot": "v0", "old_ref": "refs/tags/v0",
    "old_tag": "b" * 40, "state": "initial", "commit": "c" * 40, "base": "dogs@v1", "alias": "production",
    "record": "bench", "reason": "it failed", "quota": "alice", "used_bytes": 9, "limit_bytes": 10,
}  # fmt: skip


def build(kind: type[ModelEvent], **more: Any) -> ModelEvent:
    required = {field.name for field in msgspec.structs.fields(kind) if field.required}
    facts: dict[str, Any] = {"time": 1, "model": "dogs"} | {
        name: FACTS[name] for name in required & FACTS.keys()
    }
    return kind(**facts | more)


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_an_event_comes_back_from_its_json(name: str) -> None:
    event = build(EVENT_TYPES[name], owner="alice")
    assert events.type_of(event) == name == json.loads(events.encode(event))["type"]
    assert events.decode(events.encode(event)) == event
    assert event.full_name == "alice/dogs"
    assert event.subject


def test_the_types_are_complete() -> None:
    assert set(EVENT_TYPES) == {
        "snapshot.created", "snapshot.deleted", "snapshot.renamed", "state.created", "model.created",
        "model.derived", "model.deleted", "alias.moved", "evaluation.finished", "evaluation.failed",
        "quota.warning",
    }  # fmt: skip


def test_a_local_model_has_no_owner_in_front() -> None:
    assert build(EVENT_TYPES["model.created"]).full_name == "dogs"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"type":"snapshot.created"}', b'{"type":"no.such"}', b"[1]"])
def test_anything_else_is_no_event(body: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        events.decode(body)
