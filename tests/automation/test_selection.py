"""Which rules an event meets."""

from __future__ import annotations

from typing import Any

import pytest

from gitstore.automation.rules import AutomationRule, RunAction
from gitstore.automation.selection import is_met, select_rules
from gitstore.outbox.events import AliasMoved, ModelEvent, QuotaWarning, SnapshotCreated


def rule(**keys: Any) -> AutomationRule:
    facts: dict[str, Any] = {"name": "one", "on": ("snapshot.created",), "run": RunAction(command=("/x",))}
    return AutomationRule(**facts | keys)


CREATED = SnapshotCreated(time=1, owner="ada", model="dogs", snapshot="v1", ref="refs/tags/v1", tag="a" * 40)
LOCAL = SnapshotCreated(time=1, model="dogs", snapshot="v1", ref="refs/tags/v1", tag="a" * 40)
MOVED = AliasMoved(
    time=1, model="dogs", alias="best", ref="refs/aliases/best", commit="a" * 40, snapshot="v1", tag="b" * 40
)
WARNED = QuotaWarning(time=1, owner="ada", model="dogs", quota="ada", used_bytes=9, limit_bytes=10)


@pytest.mark.parametrize(
    ("keys", "event", "expected"),
    [
        ({}, CREATED, True),
        ({}, MOVED, False),
        ({"owner": "ada"}, CREATED, True),
        ({"owner": "a*"}, CREATED, True),
        ({"owner": "eve"}, CREATED, False),
        ({"owner": "ada"}, LOCAL, False),
        ({"owner": "*"}, LOCAL, True),
        ({"model": "dog?"}, CREATED, True),
        ({"model": "cats"}, CREATED, False),
        ({"match": "v[0-9]"}, CREATED, True),
        ({"match": "V1"}, CREATED, False),
        ({"match": "v1", "on": ("alias.moved",)}, MOVED, False),
        ({"match": "best", "on": ("alias.moved",)}, MOVED, True),
        ({"match": "ada", "on": ("quota.warning", "alias.moved")}, WARNED, True),
    ],
)
def test_a_rule_is_met(keys: dict[str, Any], event: ModelEvent, expected: bool) -> None:
    assert is_met(rule(**keys), event) is expected


def test_rules_are_chosen_in_their_order() -> None:
    rules = [rule(name="b"), rule(name="x", model="cats"), rule(name="a")]
    assert [chosen.name for chosen in select_rules(rules, CREATED)] == ["b", "a"]
