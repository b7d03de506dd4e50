"""YAML as gitstore reads it: a small, strict part of it, and where in the text each thing stands.

This module owns the syntax; it knows no key. Anchors, aliases, tags, merge keys, directives,
several documents and repeated keys are problems, not features. It builds on PyYAML's events, not
on its nodes, so that no depth of nesting can exhaust a stack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    ScalarEvent,
)

from gitstore.settings.nodes import KeyValue, Mapping, Reported, Scalar, Sequence, YamlNode, resolve
from gitstore.text import quoted

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_KEY = 100

# What YAML forbids, and what only some of its readers take for the end of a line.
_UNREADABLE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class SettingsProblem(NamedTuple):
    """What is wrong with the settings at a line, counted from 1."""

    line: int
    message: str


class Document(NamedTuple):
    """A text that was read. `root` is None if it is empty or no YAML; `end` is where more may follow."""

    text: str
    root: YamlNode | None
    end: int
    problems: tuple[SettingsProblem, ...]


class _UnreadableError(Exception):
    """Nothing after this can be read."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = SettingsProblem(line, message)


def read(content: bytes) -> Document:
    """Read a document with all its problems; never raises, whatever the bytes."""
    reader = _Reader()
    text = ""
    try:
        text = _decode(content)
        for event in _events(text):
            reader.take(event, text)
    except _UnreadableError as fatal:
        return Document(text, None, len(text), (*reader.problems, fatal.problem))
    return Document(text, reader.root, reader.end or len(text), tuple(reader.problems))


def _decode(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _UnreadableError(1, f"is larger than {MAX_BYTES // 1024} KiB; settings are a page of text")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise _UnreadableError(line, f"is not UTF-8: byte 0x{content[error.start]:02x}") from error
    if text.startswith("\ufeff"):
        raise _UnreadableError(1, "starts with a byte order mark; save the file as UTF-8 without one")
    if bad := _UNREADABLE.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        raise _UnreadableError(line, f"has the character U+{ord(bad[0]):04X} in it; remove it")
    return text


def _events(text: str) -> Iterator[Event]:
    loader = _Loader(text)
    try:
        while loader.check_event():
            yield loader.get_event()
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text) from error
    except (ValueError, OverflowError) as error:
        # PyYAML's own parser, used where libyaml is missing, passes on what chr() says to "\\UFFFFFFFF".
        raise _UnreadableError(loader.line + 1, "is not YAML: found an invalid escape") from error
    finally:
        loader.dispose()


def _syntax_error(error: yaml.MarkedYAMLError, text: str) -> _UnreadableError:
    mark: Any = error.problem_mark or error.context_mark
    # At the end of an unfinished text the mark is on a line that is not there.
    line = min(mark.line, text.rstrip().count("\n")) + 1
    if "cannot start any token" in str(error.problem):
        if text[mark.index] == "\t":
            return _UnreadableError(line, "is indented with a tab; use spaces")
        return _UnreadableError(
            line, f"is not YAML: a value cannot start with {text[mark.index]!r}; put it in quotes"
        )
    message = f"is not YAML: {error.problem}"
    if error.context:
        message += f", {error.context}"
    if error.context_mark and error.context_mark.line + 1 < line:
        message += f" that starts on line {error.context_mark.line + 1}"
    return _UnreadableError(line, message)


class _Reader:
    """Builds nodes from events, with a stack of the collections that are still open."""

    def __init__(self) -> None:
        self.problems: list[SettingsProblem] = []
        self.root: YamlNode | None = None
        self.end = 0
        self._documents = 0
        self._open: list[tuple[CollectionStartEvent, list[YamlNode]]] = []

    def take(self, event: Event, text: str) -> None:
        match event:
            case DocumentStartEvent():
                self._start_document(event)
            case DocumentEndEvent():
                self.end = _place(event, event)["start"] if event.explicit else len(text)
            case CollectionStartEvent():
                if len(self._open) == MAX_DEPTH:
                    raise _UnreadableError(_line(event), f"is nested more than {MAX_DEPTH} levels deep")
                self._refuse_extras(event)
                self._open.append((event, []))
            case CollectionEndEvent():
                start, nodes = self._open.pop()
                self._add(self._collection(start, event, nodes=nodes))
            case ScalarEvent():
                self._refuse_extras(event)
                self._add(_scalar(event, text))
            case AliasEvent():
                self._problem(
                    event, f"the alias *{_clip(str(event.anchor))} is not allowed; write the value out"
                )
                self._add(Reported(**_place(event, event)))

    def _add(self, node: YamlNode) -> None:
        if self._open:
            self._open[-1][1].append(node)
        else:
            self.root = node

    def _problem(self, event: Event, message: str) -> None:
        self.problems.append(SettingsProblem(_line(event), message))

    def _start_document(self, event: DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _UnreadableError(_line(event), "a second document starts here; settings are one document")
        if event.version or event.tags:
            self._problem(event, "directives (%YAML, %TAG) are not allowed; remove them")

    def _refuse_extras(self, event: CollectionStartEvent | ScalarEvent) -> None:
        if event.anchor is not None:
            self._problem(event, f"the anchor &{_clip(event.anchor)} is not allowed; remove it")
        if event.tag is not None:
            self._problem(event, f"the tag {_clip(_as_written(event.tag))} is not allowed; remove it")

    def _collection(
        self, start: CollectionStartEvent, end: CollectionEndEvent, *, nodes: list[YamlNode]
    ) -> YamlNode:
        place = _place(start, end)
        if not start.flow_style and nodes:
            # The end event of a block stands at the next key, behind comments that are not ours.
            place["end"] = nodes[-1].end
        if isinstance(start, MappingStartEvent):
            return Mapping(**place, entries=self._entries(nodes), flow=bool(start.flow_style))
        return Sequence(**place, items=tuple(nodes))

    def _entries(self, nodes: list[YamlNode]) -> dict[str, KeyValue]:
        entries: dict[str, KeyValue] = {}
        for key, value in zip(nodes[::2], nodes[1::2], strict=True):
            if problem := _key_problem(key, entries):
                self.problems.append(SettingsProblem(key.line, problem))
            elif isinstance(key, Scalar):
                entries[key.text] = KeyValue(key, value)
        return entries


def _key_problem(key: YamlNode, entries: dict[str, KeyValue]) -> str | None:
    if isinstance(key, Reported):
        return "an alias cannot be a key"
    if not isinstance(key, Scalar):
        return "a list or a mapping cannot be a key"
    if not isinstance(key.value, str):
        return f"the key {key.text or 'null'} is not text; put it in quotes"
    if len(key.text) > MAX_KEY:
        return f"the key {quoted(key.text)} is too long"
    if key.text == "<<":
        return "the merge key << is not allowed; write the keys out"
    if key.text in entries:
        return f"the key {quoted(key.text)} is given twice; first on line {entries[key.text].key.line}"
    return None


def _scalar(event: ScalarEvent, text: str) -> Scalar:
    place = _place(event, event)
    if event.style in {"|", ">"}:
        # The event of a block scalar goes on through the empty lines after it.
        place["end"] = place["start"] + len(text[place["start"] : place["end"]].rstrip())
    value = event.value if event.style else resolve(event.value)
    return Scalar(**place, text=event.value, value=value)


def _place(first: Any, last: Any) -> dict[str, int]:
    return {"line": _line(first), "start": first.start_mark.index, "end": last.end_mark.index}


def _line(event: Any) -> int:
    line: int = event.start_mark.line + 1
    return line


def _as_written(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!", 1)


def _clip(text: str) -> str:
    return quoted(text)[1:-1]
