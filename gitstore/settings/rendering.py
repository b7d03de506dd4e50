"""Rendering `Settings` as YAML or plain values, with every default."""

from __future__ import annotations

from typing import Any

import msgspec.json
from msgspec import Struct, inspect

from gitstore.settings import yaml_text
from gitstore.settings.checking import describe
from gitstore.settings.schema import Settings
from gitstore.settings.wording import Rules


def render(settings: Settings) -> str:
    """Return the settings as YAML that `parse` reads back, with the keys in the order of the schema.

    Sizes and durations have units. Absent values are left out.
    """
    lines = yaml_text.render_block(to_literals(settings), "")
    return "\n".join(lines or []) + "\n"


def to_builtins(settings: Settings) -> dict[str, Any]:
    """Return the settings for programs: sizes in bytes, durations in seconds, None for absent values."""
    values: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(settings))
    return values


def to_literals(value: Struct) -> dict[str, Any]:
    """Return the values of a struct of the schema as in settings.yaml: units as text, no None."""
    values: dict[str, Any] = _to_literal(value, describe(type(value)), {})
    return values


def _to_literal(value: Any, kind: inspect.Type, rules: Rules) -> Any:
    match kind:
        case inspect.Metadata():
            return _to_literal(value, kind.type, {**rules, **(kind.extra or {})})
        case inspect.UnionType():
            (present,) = (member for member in kind.types if not isinstance(member, inspect.NoneType))
            return _to_literal(value, present, rules)
        case inspect.StructType():
            fields = ((field, getattr(value, field.name)) for field in kind.fields)
            return {
                field.name: _to_literal(item, field.type, {}) for field, item in fields if item is not None
            }
        case inspect.VarTupleType():
            return [_to_literal(item, kind.item_type, {}) for item in value]
        case inspect.EnumType():
            return value.value
    return rules["unit"].literal(value) if "unit" in rules else value
