"""Merging settings three ways: take over what the new base changed, keep what the model changed.

Keys are compared one by one, as they are written, without defaults. Lists of parameters and of packages
are compared by name; other lists are values. If both sides changed a key differently, that is a conflict,
and the model's own value stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from gitstore import settings
from gitstore.diff import settings as settings_diff
from gitstore.diff.settings import KeyChange
from gitstore.settings.document import read
from gitstore.settings.nodes import to_plain

KEPT = ("name", "code", "based_on", "types")
"""The keys that a rebase never changes: what the model is, where its code is, what its users rely on."""


class Conflict(NamedTuple):
    """A key that both the model and the base changed since the old base. `None` stands for a missing key."""

    path: str
    own: Any
    base: Any


@dataclass(frozen=True)
class Merged:
    """The merged settings, the keys that took over the base's value, and the keys in conflict."""

    content: bytes
    changes: tuple[KeyChange, ...]
    conflicts: tuple[Conflict, ...]


def merge(own: bytes, *, old: bytes, new: bytes) -> Merged:
    """Apply the changes between the settings `old` and `new` of two bases to a model's `own` settings.

    Comments and layout of the model's settings stay. Raises `BadSettings` if any of the three, or the
    result, is invalid.
    """
    before, conflicts = _read(own), list[Conflict]()
    merged = _merge("", conflicts, old=_read(old), new=_read(new), own=before) or {}
    changed = {key: merged.get(key) for key in before | merged if merged.get(key) != before.get(key)}
    content = settings.set_keys(own, changed) if changed else own
    settings.parse(content)
    return Merged(content, settings_diff.compare_values(before, merged), tuple(conflicts))


def _read(content: bytes) -> dict[str, Any]:
    settings.parse(content)  # raises unless the content is a mapping
    values = to_plain(read(content).root)
    return (
        {key: value for key, value in values.items() if key not in KEPT} if isinstance(values, dict) else {}
    )


def _merge(path: str, conflicts: list[Conflict], *, old: Any, new: Any, own: Any) -> Any:
    """Return the merged value of a key, or `None` if the key is to be absent."""
    if new in (old, own):
        return own
    if own == old:
        return new
    parts = [settings_diff.as_mapping(side) for side in (old if old is not None else type(own)(), new, own)]
    if any(part is None for part in parts):
        conflicts.append(Conflict(path, own, new))
        return own
    before, theirs, ours = (part or {} for part in parts)
    merged = {}
    for key in ours | theirs:
        below = f"{path}.{key}".lstrip(".")
        merged[key] = _merge(below, conflicts, old=before.get(key), new=theirs.get(key), own=ours.get(key))
    return _like(own, {key: value for key, value in merged.items() if value is not None}.items())


def _like(own: Any, items: Iterable[tuple[str, Any]]) -> Any:
    """Return a mapping, or the list that it stands for: of parameters, or of packages with versions."""
    if isinstance(own, dict):
        return dict(items)
    return [
        {"name": name, **value} if isinstance(value, dict) else f"{name}=={value}" for name, value in items
    ]
