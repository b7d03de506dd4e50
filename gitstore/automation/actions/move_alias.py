"""The action `alias`: an alias moves to the event's snapshot, if that meets what the rule requires."""

from __future__ import annotations

from gitstore.aliases import requirements
from gitstore.aliases.gate import RequirementNotMet, check_requirements
from gitstore.aliases.move import set_alias
from gitstore.aliases.write_move import Reason
from gitstore.automation.actions.result import ActionResult
from gitstore.automation.rules import AliasAction
from gitstore.models import alias as aliases
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot


def move(action: AliasAction, snapshot: Snapshot, *, cause: str) -> ActionResult:
    """Move the alias once. `cause` says why, if the rule does not. Raises like `set_alias`."""
    model = Model(snapshot.repository, snapshot.model, snapshot.prefix)
    before = aliases.find_alias(model, action.name)
    if before is not None and before.move.new.tag == snapshot.tag_oid:
        return ActionResult("delivered", f"{action.name} is {snapshot.name} already")
    rules = [requirements.parse(text) for text in action.require]
    try:
        found, evaluations = check_requirements(model, action.name, snapshot, requirements=rules)
    except RequirementNotMet as error:
        return ActionResult("dropped", error.message)
    reason = Reason(action.message or cause, found, evaluations)
    set_alias(model, action.name, snapshot, reason=reason)
    was = f"; it was {before.move.new.snapshot}" if before is not None else ""
    return ActionResult("delivered", f"{action.name} is {snapshot.name} now{was}")
