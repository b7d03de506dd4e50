"""The vocabulary of a strict YAML file's schema, for settings.yaml and the other files that gitstore reads.

A schema is msgspec structs of `Keys`. `Meta.extra` says what types cannot:

    unit      how a number is written in YAML (`Unit`)
    problem   what is wrong with a text: a function as in `rules`
    allowed   what a text is, for messages: "an exact pin like numpy==2.4.6"
    unique    the items of a list differ: all of an item (True) or in the named key
    reserved  texts that no item of a list may have
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from msgspec import Meta, Struct

from gitstore import units
from gitstore.names import name_problem


class Unit(Struct, frozen=True):
    """How a number with a unit is parsed, and written as text that parses to the same number."""

    parse: Callable[[str], float]
    literal: Callable[[Any], str]
    expected: str


SIZE = Unit(units.parse_size, units.size_literal, "a size, like 32MiB")
DURATION = Unit(units.parse_duration, units.duration_literal, "a duration, like 60s")


def size_meta(description: str, *, at_least: int = 1) -> Meta:
    """Describe a size in bytes, an `int`."""
    return Meta(
        ge=at_least,
        description=description,
        extra={"unit": SIZE},
        extra_json_schema={"pattern": units.SIZE_PATTERN},
    )


def duration_meta(description: str) -> Meta:
    """Describe a duration in seconds, a `float`."""
    return Meta(
        gt=0,
        description=description,
        extra={"unit": DURATION},
        extra_json_schema={"pattern": units.DURATION_PATTERN},
    )


def name_meta(description: str) -> Meta:
    """Describe the name of a model, a snapshot or a state."""
    allowed = "a name is one word, like digits or digits-v2"
    return Meta(description=description, extra={"problem": name_problem, "allowed": allowed})


class KeyProblem(NamedTuple):
    """What is wrong with a key because of other keys of its mapping."""

    key: str
    message: str


class Keys(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping whose keys are known."""

    def find_problem(self) -> KeyProblem | None:
        """Return what is wrong with the keys together, each of which is valid by itself."""
        return None
