"""How problems in settings.yaml are put: what was found, and what is asked for instead."""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from typing import Any

from msgspec import inspect

from gitstore.settings.nodes import Mapping, Scalar, Sequence, YamlNode
from gitstore.text import quoted

Rules = ReadOnly[str, Any]
"""What `Meta.extra` says about a type; the keys are in `schema`."""


def choices(kind: inspect.EnumType | inspect.LiteralType) -> list[str]:
    if isinstance(kind, inspect.EnumType):
        return [str(member.value) for member in kind.cls]
    return [str(value) for value in kind.values]


def nearest(word: str, known: list[str]) -> str:
    import difflib  # only when something is wrong

    close = difflib.get_close_matches(word[:100], known, n=1)
    return f"did you mean {close[0]}?" if close else f"allowed are {', '.join(known)}"


def found(node: YamlNode) -> str:
    """What a node is, after its path."""
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


def instead(node: Scalar, kind: inspect.Type, rules: Rules) -> str:
    """What to write where a scalar of the wrong type is."""
    if isinstance(kind, inspect.StrType) and node.value is not None:
        return f'put it in quotes: "{node.text}"'
    if isinstance(kind, inspect.VarTupleType):
        return f"write a list: [{quoted(node.text)[1:-1]}]"
    return f"it must be {wanted(kind, rules)}"


def wanted(kind: inspect.Type, rules: Rules) -> str:
    """What a value of this type is, after "it must be"."""
    match kind:
        case inspect.StructType():
            return f"a mapping of the keys {', '.join(field.name for field in kind.fields)}"
        case inspect.VarTupleType():
            return "a list, like [] or [first, second]"
        case _ if unit := rules.get("unit"):
            return str(unit.wanted)
        case inspect.EnumType() | inspect.LiteralType():
            return f"one of {', '.join(choices(kind))}"
        case inspect.IntType():
            return "a whole number"
        case inspect.FloatType():
            return "a number"
        case inspect.BoolType():
            return "true or false"
    return "text"
