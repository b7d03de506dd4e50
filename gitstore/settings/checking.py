"""Comparing a document with the schema: its structs, or all problems.

The types of the structs come from msgspec. This module knows no single key.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct, inspect

from gitstore.settings import wording
from gitstore.settings.document import SettingsProblem
from gitstore.settings.nodes import Mapping, Reported, Scalar, Sequence, YamlNode
from gitstore.settings.wording import Rules
from gitstore.text import quoted

T = TypeVar("T", bound=Struct)

describe = cache(inspect.type_info)
"""Return what msgspec knows about a type."""


class Location(NamedTuple):
    """The place of a value: its key path, and the line of its key or list item."""

    path: str
    line: int

    def key(self, name: str, line: int) -> Location:
        shown = name if re.fullmatch(r"[\w-]+", name) and len(name) <= 40 else quoted(name)
        return Location(f"{self.path}.{shown}" if self.path else shown, line)

    def item(self, index: int, line: int) -> Location:
        return Location(f"{self.path}[{index}]", line)


class Expected(NamedTuple):
    """The type that a value must have, and gitstore's own rules for it."""

    kind: inspect.Type
    rules: Rules = {}  # noqa: RUF012 - nobody changes it


class Checker:
    """A comparison. The results of its methods are valid only if there are no `problems`."""

    def __init__(self) -> None:
        self.problems: list[SettingsProblem] = []

    def check(self, root: YamlNode, struct: type[T]) -> T | None:
        """Return the struct that `root` describes; None if there are problems."""
        value = self._value(root, Expected(describe(struct)), at=Location("", root.line))
        return value if isinstance(value, struct) and not self.problems else None

    def check_part(self, node: YamlNode, kind: Any, *, path: str) -> Any:
        """Return the value that a node describes, of any type of a schema, for a part of a file.

        `path` is the node's key path in the file.
        """
        return self._value(node, Expected(describe(kind)), at=Location(path, node.line))

    def _problem(self, at: Location, message: str) -> None:
        self.problems.append(SettingsProblem(at.line, f"{at.path}: {message}" if at.path else message))

    def _value(self, node: YamlNode, expected: Expected, *, at: Location) -> Any:
        kind, rules = expected
        match kind:
            case inspect.Metadata():
                return self._value(node, Expected(kind.type, {**rules, **(kind.extra or {})}), at=at)
            case inspect.AnyType():
                return node  # a part that another room checks, with `check_part`
            case inspect.UnionType():
                if isinstance(node, Scalar) and node.value is None:
                    return None
                (present,) = (member for member in kind.types if not isinstance(member, inspect.NoneType))
                return self._value(node, Expected(present, rules), at=at)
            case inspect.StructType() if isinstance(node, Mapping):
                return self._struct(node, kind, at=at)
            case inspect.DictType() if isinstance(node, Mapping):
                return self._dict(node, kind, at=at)
            case inspect.VarTupleType() if isinstance(node, Sequence):
                return self._list(node, kind, rules=rules, at=at)
            case _ if isinstance(node, Scalar) and node.value is not None:
                return self._scalar(node, expected, at=at)
        if not isinstance(node, Reported):
            self._problem(
                at, f"{wording.describe_node(node)}; it must be {wording.describe_type(kind, rules)}"
            )
        return None

    def _struct(self, node: Mapping, kind: inspect.StructType, *, at: Location) -> Struct | None:
        fields = {field.encode_name: field for field in kind.fields}
        before = len(self.problems)
        values = {}
        for name, (key, value) in node.entries.items():
            below = at.key(name, key.line)
            if name in fields:
                field = fields[name]
                values[field.name] = self._value(value, Expected(field.type), at=below)
            else:
                self._problem(below, f"there is no such key; {wording.suggest_name(name, list(fields))}")
        for name, field in fields.items():
            if field.required and name not in node.entries:
                self._problem(at.key(name, at.line), "is missing; it has no default")
        if len(self.problems) > before:
            return None
        struct: Struct = kind.cls(**values)
        problem = struct.find_problem()  # type: ignore[attr-defined]
        if problem is not None:
            line = node.entries[problem.key][0].line if problem.key in node.entries else at.line
            self._problem(at.key(problem.key, line), problem.message)
        return struct

    def _dict(self, node: Mapping, kind: inspect.DictType, *, at: Location) -> dict[str, Any]:
        """Check a mapping whose keys are names that the file chooses."""
        values = {}
        for name, (key, value) in node.entries.items():
            below = at.key(name, key.line)
            self._value(key, Expected(kind.key_type), at=below)
            values[name] = self._value(value, Expected(kind.value_type), at=below)
        return values

    def _list(
        self, node: Sequence, kind: inspect.VarTupleType, *, rules: Rules, at: Location
    ) -> tuple[Any, ...]:
        items = []
        for index, item in enumerate(node.items):
            items.append(self._value(item, Expected(kind.item_type), at=at.item(index, item.line)))
        if len(items) < (kind.min_length or 0):
            self._problem(at, "is an empty list; it must have at least one item")
        if kind.max_length is not None and len(items) > kind.max_length:
            self._problem(at, f"has {len(items)} items; it must have at most {kind.max_length}")
        if "unique" in rules:
            self._check_different(node, rules, at=at)
        return tuple(items)

    def _check_different(self, node: Sequence, rules: Rules, *, at: Location) -> None:
        """Check that the items, or what they have at a key, are all different and that none is reserved."""
        first: dict[str, int] = {}
        for index, item in enumerate(node.items):
            value, below = _find_unique_text(item, rules["unique"], at=at.item(index, item.line))
            if value is None:
                continue
            if value in rules.get("reserved", ()):
                self._problem(
                    below, f"{quoted(value)} is reserved: gitstore itself passes it; choose another name"
                )
            elif value in first:
                self._problem(below, f"{quoted(value)} is also {at.path}[{first[value]}]; it must differ")
            else:
                first[value] = index

    def _scalar(self, node: Scalar, expected: Expected, *, at: Location) -> Any:
        kind, rules = expected
        unit = rules.get("unit")
        value = node.value
        match kind:
            case inspect.IntType() | inspect.FloatType() if unit:
                try:
                    value = unit.parse(node.text)
                except ValueError as error:
                    self._problem(at, str(error))
                    return None
                return self._bounded(value, kind, at=at, write=unit.literal)
            case inspect.IntType() if type(value) is int:
                return self._bounded(value, kind, at=at)
            case inspect.FloatType() if isinstance(value, int | float) and not isinstance(value, bool):
                return self._bounded(float(value), kind, at=at)
            case inspect.BoolType() if isinstance(value, bool):
                return value
            case inspect.StrType() if isinstance(value, str):
                return self._text(value, kind, rules=rules, at=at)
            case inspect.EnumType() | inspect.LiteralType() if isinstance(value, str):
                return self._choice(value, kind, at=at)
        self._problem(at, f"{wording.describe_node(node)}; {wording.suggest_value(node, kind, rules)}")
        return None

    def _bounded(
        self, value: float, kind: inspect.IntType | inspect.FloatType, *, at: Location, write: Any = str
    ) -> float:
        if kind.ge is not None and value < kind.ge:
            self._problem(at, f"is {write(value)}; it must be at least {write(kind.ge)}")
        if kind.gt is not None and value <= kind.gt:
            self._problem(at, f"is {write(value)}; it must be more than {write(kind.gt)}")
        if kind.le is not None and value > kind.le:
            self._problem(at, f"is {write(value)}; it must be at most {write(kind.le)}")
        return value

    def _text(self, value: str, kind: inspect.StrType, *, rules: Rules, at: Location) -> str:
        problem = rules["problem"](value) if "problem" in rules else None
        allowed = rules.get("allowed")
        if problem:
            self._problem(at, f"{quoted(value)} {problem}" + (f"; {allowed}" if allowed else ""))
        elif kind.pattern is not None and not re.fullmatch(kind.pattern, value):
            self._problem(at, f"{quoted(value)} is not {allowed}")
        return value

    def _choice(self, value: str, kind: inspect.EnumType | inspect.LiteralType, *, at: Location) -> Any:
        choices = wording.list_choices(kind)
        if value not in choices:
            self._problem(at, f"{quoted(value)} is not known; {wording.suggest_name(value, choices)}")
            return None
        return kind.cls(value) if isinstance(kind, inspect.EnumType) else value


def _find_unique_text(item: YamlNode, unique: str | bool, *, at: Location) -> tuple[str | None, Location]:
    """Return the text that must be unique among list items, if there is one, and its place."""
    if isinstance(unique, str):
        if not isinstance(item, Mapping) or unique not in item.entries:
            return None, at
        key, item = item.entries[unique]
        at = at.key(unique, key.line)
    return item.text if isinstance(item, Scalar) else None, at
