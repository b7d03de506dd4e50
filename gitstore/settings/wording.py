"""The wording of problems in settings.yaml: what it has, and what it must have instead."""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from typing import Any

from msgspec import inspect

from gitstore.settings.nodes import Mapping, Scalar, Sequence, YamlNode
from gitstore.text import quoted

Rules = ReadOnly[str, Any]
"""What `Meta.extra` says about a type; the keys are in `schema`."""


def list_choices(kind: inspect.EnumType | inspect.LiteralType) -> list[str]:
    if isinstance(kind, inspect.EnumType):
        return [str(member.value) for member in kind.cls]
    return [str(value) for value in kind.values]


def suggest_name(word: str, allowed: list[str]) -> str:
    """Return a question for the allowed name that is most similar to a wrong one, or all allowed names."""
    import difflib  # only when something is wrong

    close = difflib.get_close_matches(word[:100], allowed, n=1)
    return f"did you mean {close[0]}?" if close else f"allowed are {', '.join(allowed)}"


def describe_node(node: YamlNode) -> str:
    """Say what a node is. In the message, this follows the path of the node."""
    match node:
        case Mapping():
            return "is a mapping"
        case Sequence():
            return "is a list"
        case Scalar(value=None):
            return "has no value"
        case Scalar(value=bool()):
            return f"is the boolean {node.text}"
        case Scalar(value=str()):
            return f"is the text {quoted(node.text)}"
        case Scalar():
            return f"is the number {node.text}"
    return "cannot be read"


def suggest_value(node: Scalar, kind: inspect.Type, rules: Rules) -> str:
    """Say what to write in place of a scalar of the wrong type."""
    if isinstance(kind, inspect.StrType) and node.value is not None:
        return f'put it in quotes: "{node.text}"'
    if isinstance(kind, inspect.VarTupleType):
        return f"write a list: [{quoted(node.text)[1:-1]}]"
    return f"it must be {describe_type(kind, rules)}"


def describe_type(kind: inspect.Type, rules: Rules) -> str:
    """Say what a value of this type is. In the message, this follows "it must be"."""
    match kind:
        case inspect.StructType():
            return f"a mapping of the keys {', '.join(field.encode_name for field in kind.fields)}"
        case inspect.DictType():
            return "a mapping, like {name: value}"
        case inspect.VarTupleType():
            return "a list, like [] or [first, second]"
        case _ if unit := rules.get("unit"):
            return str(unit.expected)
        case inspect.EnumType() | inspect.LiteralType():
            return f"one of {', '.join(list_choices(kind))}"
        case inspect.IntType():
            return "a whole number"
        case inspect.FloatType():
            return "a number"
        case inspect.BoolType():
            return "true or false"
    return "text"
