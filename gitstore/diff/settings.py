"""What differs between two settings, key path by key path, defaults filled in.

Parameters are told apart by their names and packages by theirs, not by their places in a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitstore.diff import kinds
from gitstore.settings import Settings
from gitstore.settings.rendering import literals


@dataclass(frozen=True)
class KeyChange:
    """A key path and its values, with units as settings.yaml writes them; `None` where there is none."""

    path: str
    before: Any
    after: Any

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return kinds.kind(self.before, self.after)


@dataclass(frozen=True)
class SettingsDiff:
    """The keys that differ. `is_other_text`: the files differ, if only in comments or layout."""

    changes: tuple[KeyChange, ...]
    is_other_text: bool

    @property
    def differs(self) -> bool:
        return self.is_other_text or bool(self.changes)


def compare(before: Settings, after: Settings, *, is_other_text: bool) -> SettingsDiff:
    """Compare settings by what they mean, in the order of the schema."""
    return SettingsDiff(changes(literals(before), literals(after)), is_other_text)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[KeyChange, ...]:
    """What differs between two mappings of plain values, however deep."""
    return tuple(_changes("", before, after))


def _changes(path: str, before: Any, after: Any) -> Iterator[KeyChange]:
    if before == after:
        return
    old, new = by_key(before), by_key(after)
    if old is None or new is None:
        yield KeyChange(path, before, after)
        return
    # Those of `before` in their order, then the new ones.
    for key in old | new:
        yield from _changes(f"{path}.{key}" if path else key, old.get(key), new.get(key))


def by_key(value: Any) -> dict[str, Any] | None:
    """A value as a mapping, if it is one or a list whose items have names; else `None`."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        return None
    pairs = (_named(item) for item in value)
    named = dict(pair for pair in pairs if pair is not None)
    return named if len(named) == len(value) else None


def _named(item: Any) -> tuple[str, Any] | None:
    """A list's item as a name and the rest: a parameter, or a package at its version."""
    match item:
        case {"name": str(name), **rest}:
            return name, rest
        case str() if "==" in item:
            name, _, version = item.partition("==")
            return name, version
    return None
