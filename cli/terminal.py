"""What a terminal gets: text made harmless, in columns as wide as it shows them, in colour if git would.

Data goes to anything but a terminal as it is. A style puts marks around a text: noncharacters of Unicode
that become colours when the text is printed. If a tag's message has such marks, it gets a colour, no more.
"""

from __future__ import annotations

import os
import re
import sys

from gitstore.text import harmless

_STYLES = {"red": "31", "green": "32", "yellow": "33", "cyan": "36", "bold": "1"}
_MARKS = {name: chr(0xFDD0 + number) for number, name in enumerate(_STYLES)}
_END = chr(0xFDEF)
_CODES = {ord(mark): f"\x1b[{_STYLES[name]}m" for name, mark in _MARKS.items()} | {ord(_END): "\x1b[m"}
_ANY_MARK = re.compile("[\ufdd0-\ufdef]")


class _Sight:
    """The settings of this process: whether a pager shows stdout, and whether git allows colours."""

    paged = False
    coloured: bool | None = None


def is_seen() -> bool:
    """Whether stdout is shown to a person, by a terminal or a pager."""
    return _Sight.paged or sys.stdout.isatty()


def show_paged(*, paged: bool) -> None:
    """Record whether a pager gets stdout from now on."""
    _Sight.paged = paged


def choose_colour(*, coloured: bool | None) -> None:
    """Record what git's configuration says about colours; `None` if it says nothing."""
    _Sight.coloured = coloured


def in_colour() -> bool:
    """Whether to print in colour: on a terminal, if git's configuration lets us; never with NO_COLOR."""
    return is_seen() and _Sight.coloured is not False and not os.environ.get("NO_COLOR")


def styled(text: str, style: str) -> str:
    """Return a text with the marks of a style, if stdout is in colour."""
    return f"{_MARKS[style]}{text}{_END}" if in_colour() else text


def rendered(text: str) -> str:
    """Return a text as stdout gets it."""
    if is_seen():
        text = harmless(text)
    return text.translate(_CODES) if in_colour() else text


def width(text: str) -> int:
    """Return how many columns a text needs: two for a wide character, none for a combining one."""
    if text.isascii():
        return len(text)
    return sum(map(_width, _ANY_MARK.sub("", text)))


def _width(character: str) -> int:
    import unicodedata

    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """Return a text padded with spaces to so many columns, on the right or on the left."""
    space = " " * (columns - width(text))
    return f"{space}{text}" if right else f"{text}{space}"
