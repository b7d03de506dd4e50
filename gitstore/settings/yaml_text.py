"""Rendering plain values as YAML that all parsers read alike: everything but unambiguous words is quoted."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from yaml.resolver import Resolver

from gitstore.settings.nodes import INTEGER, REAL, Plain

WIDTH = 100

# Words. The punctuation in them has no meaning in YAML, not even in a list or a mapping.
_WORDS = re.compile(r"\w[\w.+/=()-]*(?: [\w.+/=()-]+)*")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t"}
_YAML_1_1 = Resolver()


def render_flow(value: Any) -> str:
    """Return a value on one line: a scalar, `[a, b]` or `{key: value}`."""
    if isinstance(value, Mapping):
        return (
            "{" + ", ".join(f"{_render_text(key)}: {render_flow(item)}" for key, item in value.items()) + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(render_flow(item) for item in value) + "]"
    return render_scalar(value)


def render_block(value: Any, indent: str) -> list[str] | None:
    """Return the indented lines of a mapping or list in block style; None for other values."""
    if isinstance(value, Mapping) and value:
        return [line for key, item in value.items() for line in render_entry(key, item, indent)]
    if isinstance(value, list | tuple) and value:
        return [f"{indent}- {render_flow(item)}" for item in value]
    return None


def render_entry(key: str, value: Any, indent: str = "") -> list[str]:
    """Return the lines of a key with its value."""
    return render_after(f"{indent}{_render_text(key)}:", value, indent)


def render_after(head: str, value: Any, indent: str) -> list[str]:
    """Return the lines of `head`, which is a key with its colon, and a value.

    It is one line if the value fits or has no block style, else a block below the head.
    """
    line = f"{head} {render_flow(value)}"
    lines = None if len(line) <= WIDTH else render_block(value, indent + "  ")
    return [line] if lines is None else [head, *lines]


def render_scalar(value: Plain) -> str:
    """Return a value as text that is read as the same value."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case float():
            return _render_number(value)
        case int():
            return str(value)
    return _render_text(value)


def _render_number(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    # In YAML 1.1, a number with an exponent needs a point: 1e+16 would be text.
    mantissa, mark, exponent = repr(value).partition("e")
    return mantissa + ("" if "." in mantissa or not mark else ".0") + mark + exponent


def _render_text(text: str) -> str:
    if _WORDS.fullmatch(text) and not _is_ambiguous(text):
        return text
    return '"' + "".join(_ESCAPES.get(character) or _escape(character) for character in text) + '"'


def _is_ambiguous(text: str) -> bool:
    """Whether some YAML parser reads this word as a number, a boolean, a date or null."""
    if INTEGER.fullmatch(text) or REAL.fullmatch(text) or text.lower() in {"y", "n"}:
        return True
    first = _YAML_1_1.yaml_implicit_resolvers.get(text[0], [])
    return any(pattern.match(text) for _, pattern in first)


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    number = ord(character)
    return f"\\U{number:08X}" if number > 0xFFFF else f"\\u{number:04X}"
