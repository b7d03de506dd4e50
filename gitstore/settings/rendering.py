"""From `Settings` to text: the effective settings, every default included."""

from __future__ import annotations

from typing import Any

import msgspec.json
from msgspec import Struct, inspect

from gitstore.settings import yaml_text
from gitstore.settings.checking import describe
from gitstore.settings.schema import Settings
from gitstore.settings.wording import Rules


def render(settings: Settings) -> str:
    """The settings as YAML, keys in the order of the schema, such that `parse` gives them back.

    Sizes and durations have their units. What is absent is left out.
    """
    lines = yaml_text.block(literals(settings), "")
    return "\n".join(lines or []) + "\n"


def to_builtins(settings: Settings) -> dict[str, Any]:
    """The settings for programs: sizes in bytes, durations in seconds, None for what is absent."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(settings))
    return values


def literals(value: Struct) -> dict[str, Any]:
    """The values of a struct of the schema as settings.yaml writes them: units as text, no None."""
    values: dict[str, Any] = _written(value, describe(type(value)), {})
    return values


def _written(value: Any, kind: inspect.Type, rules: Rules) -> Any:
    match kind:
        case inspect.Metadata():
            return _written(value, kind.type, {**rules, **(kind.extra or {})})
        case inspect.UnionType():
            (present,) = (member for member in kind.types if not isinstance(member, inspect.NoneType))
            return _written(value, present, rules)
        case inspect.StructType():
            fields = ((field, getattr(value, field.name)) for field in kind.fields)
            return {field.name: _written(item, field.type, {}) for field, item in fields if item is not None}
        case inspect.VarTupleType():
            return [_written(item, kind.item_type, {}) for item in value]
        case inspect.EnumType():
            return value.value
    return rules["unit"].literal(value) if "unit" in rules else value
