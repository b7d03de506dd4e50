"""The nodes of a YAML document, with their places in the text.

Scalars follow the core schema of YAML 1.2 if YAML 1.1 agrees. Otherwise they are text, such as `on`, `010`,
`1:30` and `2026-01-01`.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple, TypeAlias

from msgspec import Struct

INTEGER = re.compile("-?(?:0|[1-9][0-9]*)")
REAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")

# Longer numbers are text. No setting has so many digits, and int() is slow for millions of them.
_MAX_NUMBER = 30

Plain: TypeAlias = "bool | int | float | str | None"
Data: TypeAlias = "Plain | list[Data] | dict[str, Data]"


class YamlNode(Struct, frozen=True, kw_only=True):
    """A value. `start` and `end` are offsets of characters; `end` is followed by spaces or a comment."""

    line: int
    start: int
    end: int


class Scalar(YamlNode, frozen=True, kw_only=True):
    """A single value: its `text` as in the document, without quotes, and what it means."""

    text: str
    value: Plain


class Sequence(YamlNode, frozen=True, kw_only=True):
    """A list."""

    items: tuple[YamlNode, ...]


class Mapping(YamlNode, frozen=True, kw_only=True):
    """Keys with values, in the order of the text. `flow`: it is written in braces."""

    entries: dict[str, KeyValue]
    flow: bool


class Reported(YamlNode, frozen=True, kw_only=True):
    """A node whose problem was already reported. Nothing else about it is checked."""


class KeyValue(NamedTuple):
    """A key and its value."""

    key: Scalar
    value: YamlNode


def to_plain(node: YamlNode | None) -> Data:
    """Return the plain value of a node; None if there is no node."""
    match node:
        case Mapping():
            return {key: to_plain(entry.value) for key, entry in node.entries.items()}
        case Sequence():
            return [to_plain(item) for item in node.items]
        case Scalar():
            return node.value
    return None


def resolve_scalar(text: str) -> Plain:
    """Return the meaning of an unquoted scalar: null, true or false, a finite number, else its text."""
    if text in {"", "~", "null"}:
        return None
    if text in {"true", "false"}:
        return text == "true"
    if len(text) <= _MAX_NUMBER:
        if INTEGER.fullmatch(text):
            return int(text)
        if REAL.fullmatch(text) and math.isfinite(number := float(text)):
            return number
    return text
