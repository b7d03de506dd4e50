"""Merging settings three ways: what a new base changed comes in, what the model changed itself stays.

Keys are compared as they are written, without defaults, and down to single ones: parameters and packages
go by their names, other lists are values. A key that both sides changed, and differently, is a conflict:
the model's own value stays.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from gitstore import settings
from gitstore.diff import settings as settings_diff
from gitstore.diff.settings import KeyChange
from gitstore.settings.document import read
from gitstore.settings.nodes import data

KEPT = ("name", "code", "based_on", "types")
"""What a rebase leaves as it is: what the model is, where its code is, and what it promises its users."""


class Conflict(NamedTuple):
    """A key that model and base have both changed since the old base; `None` where one has it not."""

    path: str
    own: Any
    base: Any


@dataclass(frozen=True)
class Merged:
    """Settings with what came from the base, and the keys that changed, and those that did not."""

    content: bytes
    changes: tuple[KeyChange, ...]
    conflicts: tuple[Conflict, ...]


def merge(own: bytes, *, old: bytes, new: bytes) -> Merged:
    """Bring the changes from `old` to `new`, two settings of bases, into a model's own.

    Comments and layout of the model's settings stay. Raises `BadSettings`.
    """
    before, conflicts = _read(own), list[Conflict]()
    merged = _merge("", _read(old), _read(new), before, conflicts) or {}
    changed = {key: merged.get(key) for key in before | merged if merged.get(key) != before.get(key)}
    content = settings.set_keys(own, changed) if changed else own
    settings.parse(content)
    return Merged(content, settings_diff.changes(before, merged), tuple(conflicts))


def _read(content: bytes) -> dict[str, Any]:
    settings.parse(content)  # it is a mapping then
    values = data(read(content).root)
    return (
        {key: value for key, value in values.items() if key not in KEPT} if isinstance(values, dict) else {}
    )


def _merge(path: str, old: Any, new: Any, own: Any, conflicts: list[Conflict]) -> Any:
    """The merged value of a key; `None` where it is to be absent."""
    if new in (old, own):
        return own
    if own == old:
        return new
    parts = [settings_diff.by_key(side) for side in (old if old is not None else type(own)(), new, own)]
    if any(part is None for part in parts):
        conflicts.append(Conflict(path, own, new))
        return own
    before, theirs, ours = (part or {} for part in parts)
    merged = {
        key: _merge(f"{path}.{key}".lstrip("."), before.get(key), theirs.get(key), ours.get(key), conflicts)
        for key in ours | theirs
    }
    return _like(own, {key: value for key, value in merged.items() if value is not None}.items())


def _like(own: Any, items: Iterable[tuple[str, Any]]) -> Any:
    """A mapping, or the list that it stands for: of parameters, or of packages at their versions."""
    if isinstance(own, dict):
        return dict(items)
    return [
        {"name": name, **value} if isinstance(value, dict) else f"{name}=={value}" for name, value in items
    ]
