"""Choosing the rules that an event meets: a pure function."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from gitstore.automation.rules import AutomationRule
from gitstore.outbox.events import ModelEvent, type_of


def select_rules(rules: Iterable[AutomationRule], event: ModelEvent) -> list[AutomationRule]:
    """Return the rules that an event meets, in their order."""
    return [rule for rule in rules if is_met(rule, event)]


def is_met(rule: AutomationRule, event: ModelEvent) -> bool:
    """Whether an event has a type that a rule is for, and fits all its patterns. Case matters.

    A local repository has no owner, which only `*` fits.
    """
    return (
        type_of(event) in rule.on
        and fnmatchcase(event.owner or "", rule.owner)
        and fnmatchcase(event.model, rule.model)
        and fnmatchcase(event.subject, rule.match)
    )
