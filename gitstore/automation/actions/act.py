"""Doing once what a rule says for an event."""

from __future__ import annotations

from gitstore.automation.actions import run_program, webhook
from gitstore.automation.actions.result import ActionResult
from gitstore.automation.place import Place
from gitstore.automation.rules import AutomationRule
from gitstore.errors import GitstoreError
from gitstore.models import snapshot as snapshots
from gitstore.models.snapshot import Snapshot
from gitstore.outbox.deliveries import ClaimedDelivery
from gitstore.outbox.events import SnapshotEvent


def act(rule: AutomationRule | None, claimed: ClaimedDelivery, *, place: Place, now: int) -> ActionResult:
    """Try a delivery once. `now` is in microseconds. What goes wrong is in the result."""
    if rule is None:
        return ActionResult("dropped", f"there is no rule {claimed.rule} any more")
    try:
        return _act(rule, claimed, place=place, now=now)
    except GitstoreError as error:
        return ActionResult("failed", error.message)
    except OSError as error:
        return ActionResult("failed", error.strerror or str(error))


def _act(rule: AutomationRule, claimed: ClaimedDelivery, *, place: Place, now: int) -> ActionResult:
    event, event_id = claimed.event, claimed.event_id
    if rule.webhook is not None:
        return webhook.deliver(rule.webhook, event_id, event, source=place.source, now=now)
    if rule.run is not None:
        return run_program.run(rule.run, event_id, event, source=place.source, directory=place.directory)
    if not isinstance(event, SnapshotEvent):
        return ActionResult("dropped", "the event has no snapshot")
    snapshot = _find_snapshot(event, place)
    if snapshot is None:
        return ActionResult("dropped", f"{event.snapshot} was removed or renamed meanwhile")
    return _act_on(rule, snapshot, event, place=place, now=now)


def _act_on(
    rule: AutomationRule, snapshot: Snapshot, event: SnapshotEvent, *, place: Place, now: int
) -> ActionResult:
    """Do what changes the repository, and let the place know."""
    from gitstore.automation.actions import evaluate, move_alias

    try:
        if rule.alias is not None:
            return move_alias.move(rule.alias, snapshot, cause=f"The rule {rule.name} says so")
        if rule.evaluate is not None:
            return evaluate.evaluate(rule.evaluate, snapshot, event, directory=place.directory, now=now)
        return ActionResult("dropped", "the rule has no action")
    finally:
        place.settle(event)


def _find_snapshot(event: SnapshotEvent, place: Place) -> Snapshot | None:
    """Return the snapshot of an event, if it still has the name and the tag that it had then."""
    repository = place.find_repository(event)
    oid = repository.refs.get(event.ref)
    return snapshots.read(repository, event.ref, oid) if str(oid) == event.tag and oid else None
