"""Names of files in a tree: which are refused, and which are one name on some file systems."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

from gitstore.objects import tree
from gitstore.objects.links import count_ascents
from gitstore.policy.push import PathProblem

LONGEST_NAME = 255
"""Bytes of a name; the limit of file systems."""

_PLAIN = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_.-]{0,254}")
_LOWER = re.compile(rb"[a-z0-9_.-]*")

# Control characters, ends of lines, and characters that change the direction of text.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def find_name_problem(name: bytes) -> PathProblem | None:
    """Return what is wrong with a name, by the rule that forbids it. The path of the problem is the name."""
    if _PLAIN.fullmatch(name):
        return None
    problem = tree.name_problem(name)
    if problem is not None:
        return PathProblem("submodule" if "submodules" in problem else "name", show_path(name), problem)
    if len(name) > LONGEST_NAME:
        problem = f"is a name of {len(name):,} bytes, over {LONGEST_NAME}"
        return PathProblem("path-length", show_path(name), problem)
    problem = _find_character_problem(name)
    return PathProblem("name", show_path(name), problem) if problem is not None else None


def _find_character_problem(name: bytes) -> str | None:
    try:
        text = name.decode()
    except UnicodeDecodeError:
        return "is not UTF-8"
    if "\\" in text:
        return "contains a backslash"
    return "contains a control character" if _CONTROL.search(text) else None


def find_collision(names: Iterable[bytes]) -> tuple[bytes, bytes] | None:
    """Return two names that some file systems take for one, because of case or of Unicode's form."""
    names = list(names)
    if all(map(_LOWER.fullmatch, names)):
        return None
    seen: dict[str, bytes] = {}
    for name in names:
        key = fold(name.decode("utf-8", "surrogateescape"))
        if seen.setdefault(key, name) != name:
            return seen[key], name
    return None


def fold(text: str) -> str:
    """Return the same text for all names that some file system takes for one."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFD", text).casefold())


def find_link_problem(target: bytes) -> str | None:
    """Return why a link with this target is refused wherever it is; `None` if that depends on its place."""
    try:
        text = target.decode()
    except UnicodeDecodeError:
        return "is a link to a path that is not UTF-8"
    if not text or "\0" in text:
        return "is a link to what is no path"
    if _CONTROL.search(text) or "\\" in text:
        return "is a link to a path with a backslash or a control character"
    if count_ascents(text) is None:
        return "is a link to an absolute path, or up again behind a directory"
    for step in PurePosixPath(text).parts:
        if step != ".." and tree.name_problem(step.encode()) is not None:
            return "is a link to a name that git reserves"
    return None


def show_path(path: bytes) -> str:
    """Return a path that is harmless on a terminal and of bounded length."""
    text = path.decode("utf-8", "surrogateescape")
    text = text if len(text) <= _SHOWN else f"{text[: _SHOWN // 2]}…{text[-_SHOWN // 2 :]}"
    return "".join(character if character.isprintable() else _escape(character) for character in text)


_SHOWN = 200
"""Characters of a path that a message has."""


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
