"""Merging a note that was changed on two sides, line by line: a pure function on bytes.

Each line is a record, or a person's own words. The result has the lines of both sides. A line goes only if a
side has put another record of the same name in its place. If both sides have recorded something under one
name, the older record keeps it, and the other gets a name that its content decides, so that everybody who
merges gets the same note.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from gitstore.names import MAX_CHARACTERS, name_problem

_DIGITS = 7


class _Line(NamedTuple):
    """A line of a note. `name` and `date` are those of its record; empty if it is none."""

    text: bytes
    name: str
    date: str


def merge_notes(base: bytes, ours: bytes, theirs: bytes) -> bytes:
    """Return the note that has the records and lines of both sides. `base` is what both began with.

    It is the same whichever side merges.
    """
    sides = [_read_lines(side) for side in sorted((ours, theirs))]
    started = {line.text for line in _read_lines(base)}
    replaced = {text for side in sides for text in _find_replaced(started, side)}
    lines = dict.fromkeys(line for side in sides for line in side if line.text not in replaced)
    merged = b"".join(text + b"\n" for text in dict.fromkeys(_rename_doubles(lines)))
    # A side that has all lines already stays as it is, in its own order.
    complete = [side for side in sorted((ours, theirs)) if set(side.splitlines()) == set(merged.splitlines())]
    return complete[0] if complete else merged


def find_names(content: bytes) -> dict[str, list[str]]:
    """Return the names of the records in a note by the trees of their files."""
    names: dict[str, list[str]] = {}
    for line in content.splitlines():
        record = _parse(line)
        if record is not None and isinstance(tree := record.get("tree"), str):
            names.setdefault(tree, []).append(record["name"])
    return names


def _read_lines(content: bytes) -> list[_Line]:
    return [_read_line(text) for text in content.splitlines() if text.strip()]


def _read_line(text: bytes) -> _Line:
    record = _parse(text)
    if record is None:
        return _Line(text, "", "")
    circumstances = record.get("circumstances")
    date = circumstances.get("date") if isinstance(circumstances, dict) else None
    return _Line(text, record["name"], date if isinstance(date, str) else "")


def _parse(text: bytes) -> dict[str, Any] | None:
    """Return a record; `None` if the line is none that has a valid name."""
    try:
        record = json.loads(text) if text.startswith(b"{") else None
    except (ValueError, RecursionError):
        return None
    named = isinstance(record, dict) and isinstance(record.get("name"), str)
    return record if named and record is not None and name_problem(record["name"]) is None else None


def _find_replaced(started: Iterable[bytes], side: list[_Line]) -> Iterable[bytes]:
    """Yield the records that a side no longer has, because it has others of their names."""
    texts, names = {line.text for line in side}, {line.name for line in side}
    for text in started:
        name = _read_line(text).name
        if name and text not in texts and name in names:
            yield text


def _rename_doubles(lines: Iterable[_Line]) -> list[bytes]:
    """Return the lines, with another name for each record whose name an older one has."""
    listed = list(lines)
    first: dict[str, _Line] = {}
    for line in sorted(listed, key=lambda line: (line.date, line.text)):
        first.setdefault(line.name, line)
    return [line.text if not line.name or first[line.name] is line else _rename(line) for line in listed]


def _rename(line: _Line) -> bytes:
    digest = hashlib.sha256(line.text).hexdigest()[:_DIGITS]
    name = f"{line.name[: MAX_CHARACTERS - _DIGITS - 1]}-{digest}"
    record = json.loads(line.text) | {"name": name}
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False).encode(errors="surrogatepass")
