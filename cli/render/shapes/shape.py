"""How a JSON shape is written down: an object with its keys, and the type and meaning of each."""

from __future__ import annotations

from typing import Any, NamedTuple

TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "true or false": {"type": "boolean"},
    "object": {"type": "object"},
    "any value": {},
    "bytes": {"type": "integer", "minimum": 0},
    "date": {"type": "string", "format": "date-time"},
    "id": {"type": "string", "pattern": "^[0-9a-f]{40}$"},
}
"""The types that are no shape, as docs/json.md calls them, with their JSON Schema."""

_SHORT = {"int": "integer", "num": "number", "flag": "true or false", "any": "any value"}


class Key(NamedTuple):
    """A key of a shape. `kind` is one of `TYPES` or the name of a shape; `[]` behind it means a list."""

    name: str
    kind: str
    meaning: str
    nullable: bool = False
    optional: bool = False


class Shape(NamedTuple):
    """An object with exactly these keys, after those of the shape that it extends.

    If it is `partial`, any key of the other shape but `name` and `model` may be null.
    """

    meaning: str
    keys: tuple[Key, ...]
    extends: str | None = None
    partial: bool = False


def keys(text: str) -> tuple[Key, ...]:
    """Read keys from lines of `NAME KIND MEANING`. `?` after the kind allows null, `*` that it is missing."""
    result = []
    for line in text.strip().splitlines():
        name, spelled, meaning = line.strip().split(maxsplit=2)
        bare = spelled.rstrip("?*")
        item = bare.removesuffix("[]")
        kind = _SHORT.get(item, item.replace("-", " ")) + bare[len(item) :]
        result.append(Key(name, kind, meaning, nullable="?" in spelled, optional="*" in spelled))
    return tuple(result)
