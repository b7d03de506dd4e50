"""Plain values as YAML text that every YAML parser reads alike: what is not plainly a word is quoted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from yaml.resolver import Resolver

from gitstore.settings.nodes import INTEGER, REAL, Plain

WIDTH = 100

# Words with marks inside that mean nothing to YAML, in a list or a mapping neither.
_WORDS = re.compile(r"\w[\w.+/=()-]*(?: [\w.+/=()-]+)*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_YAML_1_1 = Resolver()


def flow(value: Any) -> str:
    """`value` on one line: a scalar, `[a, b]` or `{key: value}`."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow(item) for item in value) + "]"
    return scalar(value)


def block(value: Any, indent: str) -> list[str] | None:
    """The lines of a mapping or a list in block style, indented; None for what has no such style."""
    if isinstance(value, Mapping) and value:
        return [line for key, item in value.items() for line in entry(key, item, indent)]
    if isinstance(value, list | tuple) and value:
        return [f"{indent}- {flow(item)}" for item in value]
    return None


def entry(key: str, value: Any, indent: str = "") -> list[str]:
    """The lines of one key with its value."""
    return after(f"{indent}{_text(key)}:", value, indent)


def after(head: str, value: Any, indent: str) -> list[str]:
    """The lines of `head`, which is a key with its colon, and a value.

    That is one line if the value fits on it or has no block style, else a block below the head.
    """
    line = f"{head} {flow(value)}"
    lines = None if len(line) <= WIDTH else block(value, indent + "  ")
    return [line] if lines is None else [head, *lines]


def scalar(value: Plain) -> str:
    """One value, so written that it is read as the same again."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return _number(value)
        case int():
            return str(value)
    return _text(value)


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    # YAML 1.1 knows no exponent without a point: 1e+16 would be text there.
    mantissa, mark, exponent = repr(value).partition("e")
    return mantissa + ("" if "." in mantissa or not mark else ".0") + mark + exponent


def _text(text: str) -> str:
    if _WORDS.fullmatch(text) and not _means_something(text):
        return text
    return '"' + "".join(_ESCAPES.get(character) or _seen(character) for character in text) + '"'


def _means_something(text: str) -> bool:
    """Whether some YAML parser takes this word for a number, a boolean, a date or nothing."""
    if INTEGER.fullmatch(text) or REAL.fullmatch(text) or text.lower() in {"y", "n"}:
        return True
    first = _YAML_1_1.yaml_implicit_resolvers.get(text[0], [])
    return any(pattern.match(text) for _, pattern in first)


def _seen(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\U{number:08X}" if number > 0xFFFF else f"\\u{number:04X}"
