"""What differs between two settings, key path by key path, with the defaults filled in.

Parameters and packages are matched by their names, not by their places in a list.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitstore.diff.kinds import classify_change
from gitstore.settings import Settings
from gitstore.settings.rendering import to_literals


@dataclass(frozen=True)
class KeyChange:
    """A key path and its values, with units as in settings.yaml; `None` where the key is missing."""

    path: str
    before: Any
    after: Any

    @property
    def kind(self) -> str:
        """`added`, `removed` or `changed`."""
        return classify_change(self.before, self.after)


@dataclass(frozen=True)
class SettingsDiff:
    """The keys that differ. `is_other_text`: the files differ, possibly only in comments or layout."""

    changes: tuple[KeyChange, ...]
    is_other_text: bool

    @property
    def differs(self) -> bool:
        return self.is_other_text or bool(self.changes)


def compare(before: Settings, after: Settings, *, is_other_text: bool) -> SettingsDiff:
    """Compare settings by what they mean, in the order of the schema."""
    return SettingsDiff(compare_values(to_literals(before), to_literals(after)), is_other_text)


def compare_values(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[KeyChange, ...]:
    """Compare two mappings of plain values, at every depth."""
    return tuple(_compare_values("", before, after))


def _compare_values(path: str, before: Any, after: Any) -> Iterator[KeyChange]:
    if before == after:
        return
    old, new = as_mapping(before), as_mapping(after)
    if old is None or new is None:
        yield KeyChange(path, before, after)
        return
    # The keys of `before` in their order, then the new ones.
    for key in old | new:
        yield from _compare_values(f"{path}.{key}" if path else key, old.get(key), new.get(key))


def as_mapping(value: Any) -> dict[str, Any] | None:
    """Return a mapping as it is, a list of items with different names as a mapping by name, else `None`."""
    if isinstance(value, dict):
        return value
    if not isinstance(value, list):
        return None
    pairs = (_split_name(item) for item in value)
    by_name = dict(pair for pair in pairs if pair is not None)
    return by_name if len(by_name) == len(value) else None


def _split_name(item: Any) -> tuple[str, Any] | None:
    """Split a list's item into its name and the rest: a parameter, or a package with its version."""
    match item:
        case {"name": str(name), **rest}:
            return name, rest
        case str() if "==" in item:
            name, _, version = item.partition("==")
            return name, version
    return None
