"""What recorded evaluations gave, as events tell it: the scalars, which stand in the notes."""

from __future__ import annotations

from typing import Any

from msgspec import UnsetType

from gitstore.errors import Corrupt
from gitstore.objects.paths import ObjectSource
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid
from gitstore.records import notes
from gitstore.records.record import EvaluationRecord, Value, parse_lines

MOST_READ = 16 * limits.MIB
"""Bytes of notes and their trees that a reader reads. A push may have a thousand notes of megabytes."""

MOST_SHOWN = 16 * 1024
"""Bytes of names and values of one record, about. Events are kept for months, and nobody pays for them."""


class OutputReader:
    """Reads the scalars among the outputs of records in one commit of notes. Its work is bounded.

    What cannot be read, is too much or is not there yet is left out: an event then says less.
    """

    def __init__(self, objects: ObjectSource, tip: Oid | None) -> None:
        self._objects = _BoundedSource(objects, MOST_READ)
        self._tip = tip
        self._known: dict[Oid, dict[str, dict[str, Any]]] = {}

    def read(self, target: Oid, name: str) -> dict[str, Any]:
        """Return the scalars of the record `name` of a snapshot's tag, by the names of the outputs."""
        if target not in self._known:
            self._known[target] = self._read_all(target)
        return self._known[target].get(name, {})

    def _read_all(self, target: Oid) -> dict[str, dict[str, Any]]:
        if self._tip is None:
            return {}
        try:
            content = notes.read_note_at(self._objects, self._tip, target)
        except Corrupt:
            return {}
        return {record.name: _select(record.outputs) for record in parse_lines(content, EvaluationRecord)}


def _select(outputs: list[Value]) -> dict[str, Any]:
    selected: dict[str, Any] = {}
    size = 0
    for output in outputs:
        # Whoever writes a note by hand may put anything there: lists in lists, or a text of megabytes.
        if not isinstance(output.value, UnsetType | list | dict):
            size += len(output.name) + len(str(output.value))
            if size > MOST_SHOWN:
                break
            selected[output.name] = output.value
    return selected


class _BoundedSource:
    """Reads at most so many bytes, and one object."""

    def __init__(self, objects: ObjectSource, most: int) -> None:
        self._objects = objects
        self._left = most

    def read_as(self, kind: Kind, oid: Oid, *, at_most: int = limits.NOTE) -> bytes:
        if self._left <= 0:
            raise Corrupt(f"{oid} is not read: that would be too much")
        content = self._objects.read_as(kind, oid, at_most=at_most)
        self._left -= len(content)
        return content
