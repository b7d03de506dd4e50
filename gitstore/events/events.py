"""What gitstore's hooks read: one struct for each hook, with the keys of its JSON.

docs/hooks.md describes each key. Keys may be added; none is removed or changes its meaning. Sizes are in
bytes, durations in seconds. A key that does not apply is null.
"""

from __future__ import annotations

from typing import Any, ClassVar

from msgspec import Struct


class Event(Struct, frozen=True, kw_only=True):
    """Something that is about to happen to a model, or that has happened."""

    hook: ClassVar[str]
    model: str


class PreSnapshot(Event, frozen=True, kw_only=True):
    """A snapshot is about to be taken."""

    hook = "pre-snapshot"
    snapshot: str
    ref: str
    message: str | None
    state: str
    settings: dict[str, Any]


class PostSnapshot(Event, frozen=True, kw_only=True):
    """A snapshot was taken."""

    hook = "post-snapshot"
    snapshot: str
    ref: str
    tag: str
    commit: str
    message: str
    state: str
    added_bytes: int
    added_objects: int


class PreRm(Event, frozen=True, kw_only=True):
    """A snapshot is about to be removed, together with all those in `snapshots`."""

    hook = "pre-rm"
    snapshot: str
    ref: str
    tag: str
    commit: str
    snapshots: list[str]


class PostState(Event, frozen=True, kw_only=True):
    """A state was saved, imported, created, trained, renamed or removed, as `change` says.

    `environment`, `unlocked` and `sandbox` are null unless the model's code made it.
    """

    hook = "post-state"
    change: str
    state: str
    renamed_from: str | None = None
    tree: str | None = None
    size: int | None = None
    added_bytes: int = 0
    environment: str | None = None
    unlocked: bool | None = None
    sandbox: dict[str, Any] | None = None


class PostTrain(Event, frozen=True, kw_only=True):
    """A model was trained. `base_state` is the state that the training started from."""

    hook = "post-train"
    state: str
    base_state: str
    is_active: bool
    tree: str
    size: int
    added_bytes: int
    metrics: list[dict[str, Any]]
    durations: dict[str, float]
    environment: str | None
    unlocked: bool
    sandbox: dict[str, Any]


class PostEvaluate(Event, frozen=True, kw_only=True):
    """A snapshot was evaluated, or a working copy. For that, `snapshot`, `ref` and `tag` are null."""

    hook = "post-evaluate"
    snapshot: str | None
    ref: str | None
    tag: str | None
    state: str
    outputs: dict[str, dict[str, Any]]
    durations: dict[str, float]
    environment: str | None
    unlocked: bool
    sandbox: dict[str, Any]


class PostDerive(Event, frozen=True, kw_only=True):
    """A model was derived from a snapshot."""

    hook = "post-derive"
    base: dict[str, str | None]
    added_bytes: int


EVENTS: dict[str, type[Event]] = {
    event.hook: event
    for event in (PreSnapshot, PostSnapshot, PreRm, PostState, PostTrain, PostEvaluate, PostDerive)
}
"""The events by the names of their hooks."""
