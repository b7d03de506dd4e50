"""Parsing a strict YAML file into a struct of its schema, or into all problems in it.

settings.yaml goes through here, and so do the other files that people write for gitstore.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from msgspec import Struct

from gitstore.errors import BadSettings
from gitstore.settings import document
from gitstore.settings.checking import Checker
from gitstore.settings.document import SettingsProblem
from gitstore.settings.nodes import to_plain
from gitstore.text import counted

T = TypeVar("T", bound=Struct)

MAX_PROBLEMS = 100
"""The most problems in an error. A hostile file could have a quarter of a million."""


def parse_strictly(
    content: bytes, schema: type[T], *, source: str, empty: str, at_most: int = document.MAX_BYTES
) -> T:
    """Parse a file into a struct of `Keys`, and fill in the defaults.

    `source` is the file's name in messages, and `empty` the problem of a file that has nothing in it. Raises
    `BadSettings` with at most 100 problems, in the order of their lines, each on one line:
    `SOURCE:LINE: key.path[2].name: what is wrong, what is allowed`. A file of more than `at_most` bytes is
    such a problem.
    """
    value, problems = parse_or_explain(content, schema, empty=empty, at_most=at_most)
    if value is None:
        raise BadSettings(format_problems(problems, source))
    return value


def parse_or_explain(
    content: bytes, schema: type[T], *, empty: str, at_most: int = document.MAX_BYTES
) -> tuple[T | None, tuple[SettingsProblem, ...]]:
    """Return the struct; `None` and all problems if there are any."""
    parsed = document.read(content, at_most=at_most)
    problems = list(parsed.problems)
    value = None
    if parsed.root is not None and to_plain(parsed.root) is not None:
        checker = Checker()
        value = checker.check(parsed.root, schema)
        problems += checker.problems
    elif not problems:
        problems.append(SettingsProblem(1, f"is empty; {empty}"))
    return (None if problems else value), tuple(problems)


def format_problems(problems: Iterable[SettingsProblem], source: str) -> list[str]:
    """Return a line for each problem, in the order of their lines in the file."""
    ordered = sorted(problems, key=lambda problem: problem.line)
    lines = [f"{source}:{problem.line}: {problem.message}" for problem in ordered[:MAX_PROBLEMS]]
    if len(ordered) > MAX_PROBLEMS:
        lines.append(f"{source}: and {counted(len(ordered) - MAX_PROBLEMS, 'more problem')}")
    return lines
