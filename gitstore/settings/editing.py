"""Changing single keys of a settings.yaml that people wrote.

Everything else stays as it is, byte for byte: order, comments, quotes, line ends.
"""

from __future__ import annotations

from collections.abc import Mapping as ReadOnly
from typing import Any

from msgspec import Struct

from gitstore.errors import BadSettings
from gitstore.settings import document, yaml_text
from gitstore.settings.document import Document, SettingsProblem
from gitstore.settings.nodes import KeyValue, Mapping, to_plain
from gitstore.settings.rendering import to_literals


def set_keys(content: bytes, changes: ReadOnly[str, object | None]) -> bytes:
    """Return `content` with top-level keys replaced, added at its end, or removed if the change is None.

    A value is a struct of the schema or plain data; in plain data, numbers with a unit are text. Comments
    outside replaced and removed values stay. If the text cannot be changed in this way (all of it is in
    braces, for instance), it is written again with the same data, without comments.

    Raises BadSettings if `content` is not YAML as gitstore reads it. Keys and values are not compared with
    the schema: `parse` the result before you store it.
    """
    read = document.read(content)
    old = _read_mapping(read)
    values = {key: _make_plain(value) for key, value in changes.items()}
    new = {key: value for key, value in {**old, **values}.items() if value is not None or key not in values}
    text = _edit(read, values)
    if not _reads_as(text, new):
        lines = yaml_text.render_block(new, "") or ["{}"]
        text = "".join(line + _find_line_end(read.text) for line in lines)
    return text.encode()


def _read_mapping(read: Document) -> dict[str, Any]:
    problems = list(read.problems)
    values = to_plain(read.root)
    if values is None:  # the document is empty, or has only comments
        values = {}
    if not problems and not isinstance(values, dict):
        problems.append(SettingsProblem(1, "is not a mapping of keys, like name: digits"))
    if problems or not isinstance(values, dict):
        raise BadSettings([f"settings.yaml:{problem.line}: {problem.message}" for problem in problems])
    return values


def _get_entries(read: Document) -> dict[str, KeyValue]:
    return read.root.entries if isinstance(read.root, Mapping) else {}


def _make_plain(value: object) -> Any:
    """Return structs as in settings.yaml, and tuples as lists, as `document` reads them."""
    if isinstance(value, Struct):
        return to_literals(value)
    if isinstance(value, ReadOnly):
        return {key: _make_plain(item) for key, item in value.items()}
    return [_make_plain(item) for item in value] if isinstance(value, list | tuple) else value


def _reads_as(text: str, expected: dict[str, Any]) -> bool:
    read = document.read(text.encode())
    return not read.problems and (to_plain(read.root) or {}) == expected


def _edit(read: Document, values: dict[str, Any]) -> str:
    """Return the changed text. It is right for ordinary documents; the caller checks it."""
    line_end = _find_line_end(read.text)
    entries = _get_entries(read)
    start = min((entry.key.start for entry in entries.values()), default=0)
    indent = " " * (start - _find_line_start(read.text, start))
    added = [
        line
        for key, value in values.items()
        if key not in entries and value is not None
        for line in yaml_text.render_entry(key, value, indent)
    ]
    text = _append(read.text, added, at=read.end, line_end=line_end)
    # From the last to the first, so that the places of the others stay right.
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
    return text[: _find_line_start(text, entry.key.start)] + (text[after:] if after else "")


def _replace(text: str, entry: KeyValue, value: Any, *, indent: str) -> str:
    """Replace the value of a key. Comments beside the key and above the old value stay."""
    line_end = _find_line_end(text)
    start = _find_line_start(text, entry.key.start)
    colon = text.index(":", entry.key.end) + 1
    beside, above = text[entry.value.end : _find_end_of_line(text, entry.value.end)], ""
    if "\n" in text[colon : entry.value.start]:
        below = _find_end_of_line(text, colon)
        beside = text[colon:below]
        above = text[below : _find_line_start(text, entry.value.start)].removesuffix(line_end)
    first, *block = yaml_text.render_after(text[start:colon], value, indent)
    rest = text[_find_end_of_line(text, entry.value.end) :]
    return text[:start] + first + beside + above + "".join(line_end + line for line in block) + rest


def _find_line_end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"


def _find_line_start(text: str, place: int) -> int:
    return text.rfind("\n", 0, place) + 1


def _find_end_of_line(text: str, place: int) -> int:
    end = text.find("\n", place)
    if end < 0:
        return len(text)
    return end - 1 if text[end - 1 : end] == "\r" else end
