"""Reading a small, strict subset of YAML, with the place of each node in the text.

This module owns the syntax, and knows no keys of settings. It refuses anchors, aliases, tags, merge keys,
directives, several documents and duplicate keys. It uses PyYAML's events instead of its nodes, so that no
depth of nesting can exhaust the stack.
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

from gitstore.settings.nodes import KeyValue, Mapping, Reported, Scalar, Sequence, YamlNode, resolve_scalar
from gitstore.text import quoted

MAX_BYTES = 256 * 1024
MAX_DEPTH = 32
MAX_KEY = 100

# Characters that YAML forbids, and those that only some parsers read as the end of a line.
_UNREADABLE = re.compile(
    "[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]|\r(?!\n)"
)

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class SettingsProblem(NamedTuple):
    """A problem in the settings, and its line, counted from 1."""

    line: int
    message: str


class Document(NamedTuple):
    """A parsed text. `root` is None if it is empty or no YAML. At `end`, more keys can be added."""

    text: str
    root: YamlNode | None
    end: int
    problems: tuple[SettingsProblem, ...]


class _UnreadableError(Exception):
    """A problem after which the rest of the text cannot be read."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.problem = SettingsProblem(line, message)


def read(content: bytes, *, at_most: int = MAX_BYTES) -> Document:
    """Read a document with all its problems. Never raises an error, whatever the bytes.

    More than `at_most` bytes are a problem.
    """
    reader = _Reader()
    text = ""
    try:
        text = _decode(content, at_most)
        for event in _events(text):
            reader.handle(event, text)
    except _UnreadableError as fatal:
        return Document(text, None, len(text), (*reader.problems, fatal.problem))
    return Document(text, reader.root, reader.end or len(text), tuple(reader.problems))


def _decode(content: bytes, at_most: int) -> str:
    if len(content) > at_most:
        raise _UnreadableError(1, f"is larger than {at_most // 1024} KiB; settings are a page of text")
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
        raise _explain_syntax_error(error, text) from error
    except (ValueError, OverflowError) as error:
        # Without libyaml, PyYAML's own parser raises the error of chr() for "\\UFFFFFFFF".
        raise _UnreadableError(loader.line + 1, "is not YAML: found an invalid escape") from error
    finally:
        loader.dispose()


def _explain_syntax_error(error: yaml.MarkedYAMLError, text: str) -> _UnreadableError:
    mark: Any = error.problem_mark or error.context_mark
    # For an unfinished text, the mark is on a line after the last one.
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
    """Builds nodes from events, with a stack of the open collections."""

    def __init__(self) -> None:
        self.problems: list[SettingsProblem] = []
        self.root: YamlNode | None = None
        self.end = 0
        self._documents = 0
        self._open: list[tuple[CollectionStartEvent, list[YamlNode]]] = []

    def handle(self, event: Event, text: str) -> None:
        match event:
            case DocumentStartEvent():
                self._start_document(event)
            case DocumentEndEvent():
                self.end = _locate(event, event)["start"] if event.explicit else len(text)
            case CollectionStartEvent():
                if len(self._open) == MAX_DEPTH:
                    raise _UnreadableError(_find_line(event), f"is nested more than {MAX_DEPTH} levels deep")
                self._refuse_extras(event)
                self._open.append((event, []))
            case CollectionEndEvent():
                start, nodes = self._open.pop()
                self._add(self._make_collection(start, event, nodes=nodes))
            case ScalarEvent():
                self._refuse_extras(event)
                self._add(_make_scalar(event, text))
            case AliasEvent():
                self._add_problem(
                    event, f"the alias *{_clip(str(event.anchor))} is not allowed; write the value out"
                )
                self._add(Reported(**_locate(event, event)))

    def _add(self, node: YamlNode) -> None:
        if self._open:
            self._open[-1][1].append(node)
        else:
            self.root = node

    def _add_problem(self, event: Event, message: str) -> None:
        self.problems.append(SettingsProblem(_find_line(event), message))

    def _start_document(self, event: DocumentStartEvent) -> None:
        self._documents += 1
        if self._documents > 1:
            raise _UnreadableError(
                _find_line(event), "a second document starts here; settings are one document"
            )
        if event.version or event.tags:
            self._add_problem(event, "directives (%YAML, %TAG) are not allowed; remove them")

    def _refuse_extras(self, event: CollectionStartEvent | ScalarEvent) -> None:
        if event.anchor is not None:
            self._add_problem(event, f"the anchor &{_clip(event.anchor)} is not allowed; remove it")
        if event.tag is not None:
            self._add_problem(event, f"the tag {_clip(_shorten_tag(event.tag))} is not allowed; remove it")

    def _make_collection(
        self, start: CollectionStartEvent, end: CollectionEndEvent, *, nodes: list[YamlNode]
    ) -> YamlNode:
        place = _locate(start, end)
        if not start.flow_style and nodes:
            # The end event of a block is at the next key, after comments that do not belong to the block.
            place["end"] = nodes[-1].end
        if isinstance(start, MappingStartEvent):
            return Mapping(**place, entries=self._make_entries(nodes), flow=bool(start.flow_style))
        return Sequence(**place, items=tuple(nodes))

    def _make_entries(self, nodes: list[YamlNode]) -> dict[str, KeyValue]:
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


def _make_scalar(event: ScalarEvent, text: str) -> Scalar:
    place = _locate(event, event)
    if event.style in {"|", ">"}:
        # The event of a block scalar includes the empty lines after it.
        place["end"] = place["start"] + len(text[place["start"] : place["end"]].rstrip())
    value = event.value if event.style else resolve_scalar(event.value)
    return Scalar(**place, text=event.value, value=value)


def _locate(first: Any, last: Any) -> dict[str, int]:
    return {"line": _find_line(first), "start": first.start_mark.index, "end": last.end_mark.index}


def _find_line(event: Any) -> int:
    line: int = event.start_mark.line + 1
    return line


def _shorten_tag(tag: str) -> str:
    return tag.replace("tag:yaml.org,2002:", "!!", 1)


def _clip(text: str) -> str:
    return quoted(text)[1:-1]
