"""What a rule of automation holds: every key, its type, its default, what is allowed and what it means.

automation.yaml and the key `automation` of store.yaml have the same rules; docs/automation.md explains them.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from msgspec import Meta

from gitstore.aliases import requirements
from gitstore.outbox.events import EVENT_TYPES, SnapshotEvent
from gitstore.settings.keys import KeyProblem, Keys, duration_meta, name_meta
from gitstore.text import control_problem

EventType = Literal[
    "snapshot.created", "snapshot.deleted", "snapshot.renamed", "state.created", "model.created",
    "model.derived", "model.deleted", "alias.moved", "evaluation.finished", "evaluation.failed",
    "quota.warning",
]  # fmt: skip
"""The types of events; a test compares them with `outbox.events`."""

_SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,}={0,2}")


def _pattern_problem(text: str) -> str | None:
    return "is empty" if not text else control_problem(text)


def _url_problem(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return "is not a URL"
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "is not an http or https URL"
    if parts.username is not None or parts.password is not None:
        return "has a user or a password, which logs would show"
    if parts.fragment or not text.isascii() or control_problem(text) or " " in text:
        return "has characters that a URL cannot have"
    return None


def secret_problem(text: str) -> str | None:
    """Return what is wrong with a secret of Standard Webhooks; `None` if nothing is."""
    return None if _SECRET.fullmatch(text) else "is not a secret"


def _path_problem(text: str) -> str | None:
    if control_problem(text) or not PurePosixPath(text).is_absolute():
        return "is not an absolute path"
    return None


def _pattern(description: str) -> Meta:
    return Meta(
        description=description,
        extra={"problem": _pattern_problem, "allowed": "write a pattern like v* or ada/*"},
    )


def _path(description: str) -> Meta:
    return Meta(
        description=description, extra={"problem": _path_problem, "allowed": "write it from the root on"}
    )


Rule = Annotated[
    str, Meta(extra={"problem": requirements.problem, "allowed": f"write {requirements.EXAMPLE}"})
]


class WebhookAction(Keys, frozen=True, kw_only=True):
    """A POST to a URL, signed as Standard Webhooks say."""

    url: Annotated[
        str,
        Meta(
            description="Where the event goes.",
            extra={"problem": _url_problem, "allowed": "write it like https://ci.example.org/hooks"},
        ),
    ]
    secret: (
        Annotated[
            str,
            Meta(
                description="The secret that signs it.",
                extra={
                    "problem": secret_problem,
                    "allowed": "a secret is whsec_ and at least 24 bytes in base64",
                },
            ),
        ]
        | None
    ) = None
    secret_file: Annotated[str, _path("A file that has the secret.")] | None = None
    allow_private: Annotated[
        bool, Meta(description="Whether it may go to this machine or a private network.")
    ] = False
    timeout: Annotated[float, duration_meta("How long one attempt may take.")] = 20.0

    def find_problem(self) -> KeyProblem | None:
        if (self.secret is None) == (self.secret_file is None):
            return KeyProblem("secret", "and secret_file: exactly one of them must be given")
        return None


class EvaluateAction(Keys, frozen=True, kw_only=True):
    """A recorded evaluation of the event's snapshot."""

    record: Annotated[str, name_meta("The name of the record. If the snapshot has it, nothing happens.")]
    inputs: Annotated[
        tuple[str, ...],
        Meta(description="The inputs, as -p of evaluate takes them; files are relative to the rules' file."),
    ] = ()
    like: (
        Annotated[str, name_meta("A snapshot or an alias whose record of this name has the inputs.")] | None
    ) = None

    def find_problem(self) -> KeyProblem | None:
        if (self.like is None) == (not self.inputs):
            return KeyProblem("inputs", "and like: exactly one of them must be given")
        return None


class AliasAction(Keys, frozen=True, kw_only=True):
    """A move of an alias to the event's snapshot."""

    name: Annotated[str, name_meta("The alias.")]
    require: Annotated[tuple[Rule, ...], Meta(description="What the snapshot must meet.")] = ()
    message: Annotated[str, Meta(description="Why it moves.", extra={"problem": control_problem})] | None = (
        None
    )


class RunAction(Keys, frozen=True, kw_only=True):
    """A program of this machine, which gets the event as JSON on standard input."""

    command: Annotated[
        tuple[str, ...], Meta(description="The program's absolute path, and its arguments.", min_length=1)
    ]
    timeout: Annotated[float, duration_meta("How long it may take.")] = 600.0

    def find_problem(self) -> KeyProblem | None:
        problem = _path_problem(self.command[0]) if self.command else None
        return KeyProblem("command", f"begins with {self.command[0]}, which {problem}") if problem else None


class AutomationRule(Keys, frozen=True, kw_only=True):
    """One action, and the events that it happens for."""

    name: Annotated[str, name_meta("The rule's name, in the log of deliveries.")]
    on: Annotated[
        tuple[EventType, ...], Meta(description="The types of events.", min_length=1, extra={"unique": True})
    ]
    owner: Annotated[str, _pattern("Which owners, in a store.")] = "*"
    model: Annotated[str, _pattern("Which models, by name.")] = "*"
    match: Annotated[str, _pattern("What the event is about: the name of a snapshot, a state, an alias.")] = (
        "*"
    )
    attempts: Annotated[int, Meta(ge=1, le=100, description="How often it is tried.")] = 12
    webhook: WebhookAction | None = None
    evaluate: EvaluateAction | None = None
    alias: AliasAction | None = None
    run: RunAction | None = None

    def find_problem(self) -> KeyProblem | None:
        actions = [
            name for name in ("webhook", "evaluate", "alias", "run") if getattr(self, name) is not None
        ]
        if len(actions) != 1:
            return KeyProblem(
                actions[1] if actions else "name",
                "a rule has exactly one of webhook, evaluate, alias and run",
            )
        if actions[0] in ("evaluate", "alias"):
            for event in self.on:
                if not issubclass(EVENT_TYPES[event], SnapshotEvent) or event == "snapshot.deleted":
                    return KeyProblem(actions[0], f"needs a snapshot, which {event} has not")
        return None


class AutomationConfig(Keys, frozen=True, kw_only=True):
    """What automation.yaml holds."""

    automation: Annotated[
        tuple[AutomationRule, ...], Meta(description="The rules.", extra={"unique": "name"})
    ] = ()
