"""Compares a document with the schema and makes its structs, collecting every problem on the way.

It walks the types of the structs as msgspec describes them, and knows no single key.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple, TypeVar

from msgspec import Struct, inspect

from gitstore.settings import wording
from gitstore.settings.document import Problem
from gitstore.settings.nodes import Mapping, Node, Refused, Scalar, Sequence
from gitstore.settings.wording import Rules
from gitstore.text import quoted

T = TypeVar("T", bound=Struct)

describe = cache(inspect.type_info)
"""What msgspec knows about a type."""


class Place(NamedTuple):
    """Where a value is: the path of keys to it, and the line of its key or list item."""

    path: str
    line: int

    def key(self, name: str, line: int) -> Place:
        shown = name if re.fullmatch(r"[\w-]+", name) and len(name) <= 40 else quoted(name)
        return Place(f"{self.path}.{shown}" if self.path else shown, line)

    def item(self, index: int, line: int) -> Place:
        return Place(f"{self.path}[{index}]", line)


class Checker:
    """One comparison. What a method returns means something only if there are no `problems`."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def check(self, root: Node, struct: type[T]) -> T | None:
        """The struct that `root` describes, None if there are problems."""
        value = self._value(root, describe(struct), {}, Place("", root.line))
        return value if isinstance(value, struct) and not self.problems else None

    def _problem(self, place: Place, message: str) -> None:
        self.problems.append(Problem(place.line, f"{place.path}: {message}" if place.path else message))

    def _value(self, node: Node, kind: inspect.Type, rules: Rules, place: Place) -> Any:
        match kind:
            case inspect.Metadata():
                return self._value(node, kind.type, {**rules, **(kind.extra or {})}, place)
            case inspect.UnionType():
                if isinstance(node, Scalar) and node.value is None:
                    return None
                (present,) = (member for member in kind.types if not isinstance(member, inspect.NoneType))
                return self._value(node, present, rules, place)
            case inspect.StructType() if isinstance(node, Mapping):
                return self._struct(node, kind, place)
            case inspect.VarTupleType() if isinstance(node, Sequence):
                return self._list(node, kind, rules, place)
            case _ if isinstance(node, Scalar) and node.value is not None:
                return self._scalar(node, kind, rules, place)
        if not isinstance(node, Refused):
            self._problem(place, f"{wording.found(node)}; it must be {wording.wanted(kind, rules)}")
        return None

    def _struct(self, node: Mapping, kind: inspect.StructType, place: Place) -> Struct | None:
        fields = {field.name: field for field in kind.fields}
        before = len(self.problems)
        values = {}
        for name, (key, value) in node.entries.items():
            below = place.key(name, key.line)
            if name in fields:
                values[name] = self._value(value, fields[name].type, {}, below)
            else:
                self._problem(below, f"there is no such key; {wording.nearest(name, list(fields))}")
        for name, field in fields.items():
            if field.required and name not in values:
                self._problem(place.key(name, place.line), "is missing; it has no default")
        return None if len(self.problems) > before else kind.cls(**values)

    def _list(
        self, node: Sequence, kind: inspect.VarTupleType, rules: Rules, place: Place
    ) -> tuple[Any, ...]:
        items = []
        for index, item in enumerate(node.items):
            items.append(self._value(item, kind.item_type, {}, place.item(index, item.line)))
        if len(items) < (kind.min_length or 0):
            self._problem(place, "is an empty list; it must have at least one item")
        if kind.max_length is not None and len(items) > kind.max_length:
            self._problem(place, f"has {len(items)} items; it must have at most {kind.max_length}")
        if "unique" in rules:
            self._differ(node, rules, place)
        return tuple(items)

    def _differ(self, node: Sequence, rules: Rules, place: Place) -> None:
        """Check that the items, or what they have at a key, are all different and none is taken."""
        first: dict[str, int] = {}
        for index, item in enumerate(node.items):
            value, below = _compared(item, rules["unique"], place.item(index, item.line))
            if value is None:
                continue
            if value in rules.get("taken", ()):
                self._problem(below, f"{quoted(value)} is what gitstore itself passes; take another name")
            elif value in first:
                self._problem(below, f"{quoted(value)} is also {place.path}[{first[value]}]; it must differ")
            else:
                first[value] = index

    def _scalar(self, node: Scalar, kind: inspect.Type, rules: Rules, place: Place) -> Any:
        unit = rules.get("unit")
        value = node.value
        match kind:
            case inspect.IntType() | inspect.FloatType() if unit:
                try:
                    value = unit.parse(node.text)
                except ValueError as error:
                    self._problem(place, str(error))
                    return None
                return self._bounded(value, kind, place, shown=unit.literal)
            case inspect.IntType() if type(value) is int:
                return self._bounded(value, kind, place)
            case inspect.FloatType() if isinstance(value, int | float) and not isinstance(value, bool):
                return self._bounded(float(value), kind, place)
            case inspect.BoolType() if isinstance(value, bool):
                return value
            case inspect.StrType() if isinstance(value, str):
                return self._text(value, kind, rules, place)
            case inspect.EnumType() | inspect.LiteralType() if isinstance(value, str):
                return self._choice(value, kind, place)
        self._problem(place, f"{wording.found(node)}; {wording.instead(node, kind, rules)}")
        return None

    def _bounded(
        self, value: float, kind: inspect.IntType | inspect.FloatType, place: Place, shown: Any = str
    ) -> float:
        if kind.ge is not None and value < kind.ge:
            self._problem(place, f"is {shown(value)}; it must be at least {shown(kind.ge)}")
        if kind.gt is not None and value <= kind.gt:
            self._problem(place, f"is {shown(value)}; it must be more than {shown(kind.gt)}")
        if kind.le is not None and value > kind.le:
            self._problem(place, f"is {shown(value)}; it must be at most {shown(kind.le)}")
        return value

    def _text(self, value: str, kind: inspect.StrType, rules: Rules, place: Place) -> str:
        problem = rules["problem"](value) if "problem" in rules else None
        allowed = rules.get("allowed")
        if problem:
            self._problem(place, f"{quoted(value)} {problem}" + (f"; {allowed}" if allowed else ""))
        elif kind.pattern is not None and not re.fullmatch(kind.pattern, value):
            self._problem(place, f"{quoted(value)} is not {allowed}")
        return value

    def _choice(self, value: str, kind: inspect.EnumType | inspect.LiteralType, place: Place) -> Any:
        choices = wording.choices(kind)
        if value not in choices:
            self._problem(place, f"{quoted(value)} is not known; {wording.nearest(value, choices)}")
            return None
        return kind.cls(value) if isinstance(kind, inspect.EnumType) else value


def _compared(item: Node, unique: str | bool, place: Place) -> tuple[str | None, Place]:
    """The text by which a list item differs from the others, if it has one, and where that is."""
    if isinstance(unique, str):
        if not isinstance(item, Mapping) or unique not in item.entries:
            return None, place
        key, item = item.entries[unique]
        place = place.key(unique, key.line)
    return item.text if isinstance(item, Scalar) else None, place
