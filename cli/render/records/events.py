"""How events, their deliveries and rules are shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from gitstore.cli import output, terminal

if TYPE_CHECKING:
    from pathlib import Path

    from gitstore.automation.rules import AutomationRule
    from gitstore.outbox.listing import Delivery, StoredEvent


def to_json(stored: StoredEvent) -> dict[str, Any]:
    """The shape of an event with its deliveries."""
    import msgspec

    from gitstore.automation.actions.cloud_event import format_time
    from gitstore.outbox.events import type_of

    event = stored.event
    data = msgspec.to_builtins(event)
    for key in ("type", "time", "owner", "model", "user"):
        data.pop(key, None)
    return {
        "id": stored.id,
        "type": type_of(event),
        "time": format_time(event.time),
        "owner": event.owner,
        "model": event.model,
        "user": event.user,
        "subject": event.subject,
        "data": data,
        "deliveries": [_delivery_json(delivery) for delivery in stored.deliveries],
    }


def _delivery_json(delivery: Delivery) -> dict[str, Any]:
    from gitstore.automation.actions.cloud_event import format_time

    return {
        "rule": delivery.rule,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "due": format_time(delivery.due) if delivery.state == "waiting" else None,
        "log": [
            {
                "started": format_time(attempt.started),
                "ended": format_time(attempt.ended) if attempt.ended is not None else None,
                "outcome": attempt.outcome,
                "detail": attempt.detail,
            }
            for attempt in delivery.log
        ],
    }


def show_events(events: Sequence[StoredEvent], *, as_json: bool) -> None:
    """A table of events."""
    if as_json:
        output.print_json([to_json(stored) for stored in events])
        return
    if not events:
        output.print_message("no events")
        return
    rows = []
    for stored in events:
        shape = to_json(stored)
        states = Counter(delivery.state for delivery in stored.deliveries)
        rows.append(
            [
                terminal.styled(stored.id.removeprefix("evt_")[:12], "yellow"),
                shape["time"][:16].replace("T", " "),
                shape["type"],
                stored.event.full_name,
                stored.event.subject,
                ", ".join(f"{count} {state}" for state, count in sorted(states.items())),
            ]
        )
    output.print_table(["ID", "TIME (UTC)", "TYPE", "MODEL", "SUBJECT", "DELIVERIES"], rows)


def show_event(stored: StoredEvent, *, as_json: bool) -> None:
    """One event in full."""
    if as_json:
        output.print_json(to_json(stored))
        return
    shape = to_json(stored)
    output.print_data(f"event:   {stored.id}")
    output.print_data(f"type:    {shape['type']}")
    output.print_data(f"time:    {shape['time']}")
    output.print_data(f"model:   {stored.event.full_name}")
    for key, value in shape["data"].items():
        if value is not None:
            output.print_data(f"{key + ':':<8} {output.as_json_text(value)}")
    for delivery in shape["deliveries"]:
        due = f", due {delivery['due']}" if delivery["due"] is not None else ""
        output.print_data("")
        output.print_data(f"rule {delivery['rule']}: {delivery['state']}{due}")
        for attempt in delivery["log"]:
            detail = (attempt["detail"] or "").replace("\n", "\n    ")
            output.print_data(f"  {attempt['started']} {attempt['outcome'] or 'under way'} {detail}".rstrip())


def show_rules(rules: Sequence[AutomationRule], path: Path, *, as_json: bool) -> None:
    """The rules of a repository, and where they are."""
    if as_json:
        output.print_json({"path": str(path), "rules": [_rule_json(rule) for rule in rules]})
        return
    for rule in rules:
        output.print_data(f"{rule.name}: {_name_action(rule)} on {', '.join(rule.on)}")
    if not rules:
        output.print_message(f"no rules yet; write them into {path}")


def _rule_json(rule: AutomationRule) -> dict[str, Any]:
    return {"name": rule.name, "on": list(rule.on), "action": _name_action(rule)}


def _name_action(rule: AutomationRule) -> str:
    actions = ("webhook", "evaluate", "alias", "run")
    return next(action for action in actions if getattr(rule, action) is not None)
