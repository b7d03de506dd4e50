"""docs/automation.md names each event with its keys, and each key of a rule."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec

import gitstore
from gitstore.automation import rules
from gitstore.outbox.events import EVENT_TYPES, ModelEvent

PAGE = (Path(gitstore.__file__).parents[1] / "docs" / "automation.md").read_text(encoding="utf-8")


def test_each_event_is_documented_with_its_keys() -> None:
    common = {field.name for field in msgspec.structs.fields(ModelEvent)}
    rows = dict(re.findall(r"^\| `([a-z.]+)` \| .* \| (.*) \|$", PAGE, re.MULTILINE))
    for name, event in EVENT_TYPES.items():
        keys = {field.name for field in msgspec.structs.fields(event)} - common
        assert set(re.findall(r"`(\w+)`", rows[name])) == keys, name


def test_each_key_of_a_rule_is_documented() -> None:
    section = PAGE[PAGE.index("## Rules") : PAGE.index("## Webhooks")]
    for struct in (
        rules.AutomationRule,
        rules.WebhookAction,
        rules.EvaluateAction,
        rules.AliasAction,
        rules.RunAction,
    ):
        for field in msgspec.structs.fields(struct):
            assert f"`{field.encode_name}`" in section, field.name
