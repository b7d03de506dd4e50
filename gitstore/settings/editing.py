"""Changes to single keys of a settings.yaml that people wrote and will read again.

What is not changed stays as it is, byte by byte: order, comments, quotes, line ends.
"""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from typing import Any

from msgspec import Struct

from gitstore.errors import BadSettings
from gitstore.settings import document, yaml_text
from gitstore.settings.document import Document, SettingsProblem
from gitstore.settings.nodes import KeyValue, Mapping, data
from gitstore.settings.rendering import literals


def set_keys(content: bytes, changes: ReadOnly[str, object | None]) -> bytes:
    """`content` with top-level keys replaced, added at its end, or removed where the change is None.

    A value is a struct of the schema or plain data; in plain data, numbers with a unit are text.
    Comments outside of replaced and removed values stay. Where the text allows no such change
    (all of it in braces, an odd form), it is written anew, with the same data and without comments.

    Raises BadSettings if `content` is not YAML as gitstore reads it. Keys and values are not
    compared with the schema: `parse` the result before it is kept.
    """
    read = document.read(content)
    old = _mapping(read)
    values = {key: _plain(value) for key, value in changes.items()}
    new = {key: value for key, value in {**old, **values}.items() if value is not None or key not in values}
    text = _edited(read, values)
    if not _reads_as(text, new):
        lines = yaml_text.block(new, "") or ["{}"]
        text = "".join(line + _line_end(read.text) for line in lines)
    return text.encode()


def _mapping(read: Document) -> dict[str, Any]:
    problems = list(read.problems)
    values = data(read.root)
    if values is None:  # nothing but comments, or nothing at all
        values = {}
    if not problems and not isinstance(values, dict):
        problems.append(SettingsProblem(1, "is not a mapping of keys, like name: digits"))
    if problems or not isinstance(values, dict):
        raise BadSettings([f"settings.yaml:{problem.line}: {problem.message}" for problem in problems])
    return values


def _entries(read: Document) -> dict[str, KeyValue]:
    return read.root.entries if isinstance(read.root, Mapping) else {}


def _plain(value: object) -> Any:
    """Structs as settings.yaml writes them, tuples as the lists that they are read back as."""
    if isinstance(value, Struct):
        return literals(value)
    if isinstance(value, ReadOnly):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _reads_as(text: str, expected: dict[str, Any]) -> bool:
    read = document.read(text.encode())
    return not read.problems and (data(read.root) or {}) == expected


def _edited(read: Document, values: dict[str, Any]) -> str:
    """The text with the changes; right for ordinary documents, to be checked for the others."""
    line_end = _line_end(read.text)
    entries = _entries(read)
    start = min((entry.key.start for entry in entries.values()), default=0)
    indent = " " * (start - _start_of_line(read.text, start))
    added = [
        line
        for key, value in values.items()
        if key not in entries and value is not None
        for line in yaml_text.entry(key, value, indent)
    ]
    text = _append(read.text, added, at=read.end, line_end=line_end)
    # The last first, so that the places of the others stay right.
    for key, entry in sorted(entries.items(), key=lambda item: item[1].key.start, reverse=True):
        if key in values:
            value = values[key]
            text = _remove(text, entry) if value is None else _replace(text, entry, value, indent=indent)
    return text


def _append(text: str, lines: list[str], *, at: int, line_end: str) -> str:
    before = text[:at]
    if lines and before and not before.endswith("\n"):
        before += line_end
    return before + "".join(line + line_end for line in lines) + text[at:]


def _remove(text: str, entry: KeyValue) -> str:
    after = text.find("\n", entry.value.end) + 1
    return text[: _start_of_line(text, entry.key.start)] + (text[after:] if after else "")


def _replace(text: str, entry: KeyValue, value: Any, *, indent: str) -> str:
    """Put `value` in the place of the old one; comments beside the key and above the old value stay."""
    line_end = _line_end(text)
    start = _start_of_line(text, entry.key.start)
    colon = text.index(":", entry.key.end) + 1
    beside, above = text[entry.value.end : _end_of_line(text, entry.value.end)], ""
    if "\n" in text[colon : entry.value.start]:
        below = _end_of_line(text, colon)
        beside = text[colon:below]
        above = text[below : _start_of_line(text, entry.value.start)].removesuffix(line_end)
    first, *block = yaml_text.after(text[start:colon], value, indent)
    rest = text[_end_of_line(text, entry.value.end) :]
    return text[:start] + first + beside + above + "".join(line_end + line for line in block) + rest


def _line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _start_of_line(text: str, place: int) -> int:
    return text.rfind("\n", 0, place) + 1


def _end_of_line(text: str, place: int) -> int:
    end = text.find("\n", place)
    if end < 0:
        return len(text)
    return end - 1 if text[end - 1 : end] == "\r" else end
