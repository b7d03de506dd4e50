"""What a YAML document consists of, with the place of each thing in the text.

Scalars follow the core schema of YAML 1.2 where 1.1 agrees, and are text where the two differ:
`on`, `010`, `1:30` and `2026-01-01` surprise in one of them.
"""

from __future__ import annotations

import math
import re
from typing import NamedTuple, TypeAlias

from msgspec import Struct

INTEGER = re.compile("-?(?:0|[1-9][0-9]*)")
REAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")

# More digits are text: nothing in settings has that many, and int() takes long over millions.
_MAX_NUMBER = 30

Plain: TypeAlias = "bool | int | float | str | None"
Data: TypeAlias = "Plain | list[Data] | dict[str, Data]"


class YamlNode(Struct, frozen=True, kw_only=True):
    """A value. `start` and `end` are offsets of characters; what follows `end` is space or comment."""

    line: int
    start: int
    end: int


class Scalar(YamlNode, frozen=True, kw_only=True):
    """One value: `text` as written, without quotes, and what it means."""

    text: str
    value: Plain


class Sequence(YamlNode, frozen=True, kw_only=True):
    """A list."""

    items: tuple[YamlNode, ...]


class Mapping(YamlNode, frozen=True, kw_only=True):
    """Keys with values, in the order of the text; `flow` if it is written in braces."""

    entries: dict[str, KeyValue]
    flow: bool


class Reported(YamlNode, frozen=True, kw_only=True):
    """What stands where a problem was already reported; nothing more can be said about it."""


class KeyValue(NamedTuple):
    """A key and its value."""

    key: Scalar
    value: YamlNode


def data(node: YamlNode | None) -> Data:
    """The plain values of a node; None for no node."""
    match node:
        case Mapping():
            return {key: data(entry.value) for key, entry in node.entries.items()}
        case Sequence():
            return [data(item) for item in node.items]
        case Scalar():
            return node.value
    return None


def resolve(text: str) -> Plain:
    """What an unquoted scalar means: null, true or false, a finite number, else its text."""
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
