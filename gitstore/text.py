"""Text from outside: showing it in a message or on a terminal, where it may do no harm."""

from __future__ import annotations

import re
from collections.abc import Iterable

LIMIT = 60

# Control characters of ASCII and Latin-1, which terminals obey; characters that change the direction of text
# or end lines; bytes that were no UTF-8, which are control characters to an 8-bit terminal.
# They are compiled at their first use: most commands print nothing that needs them.
_HARMFUL = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"

# Tabs and line ends are text. The others move the cursor, or change the terminal's colours.
_CONTROL = r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"


def control_problem(text: str) -> str | None:
    """Return what is wrong with text that people read; `None` if nothing is.

    The answer continues a sentence that begins with the text.
    """
    return "contains a control character" if re.search(_CONTROL, text) else None


def quoted(text: str) -> str:
    """Return `text` in quotes, on one line, short, and harmless on a terminal.

    Invisible characters are escaped as in Python. More than 60 characters are cut off, with `…`.
    """
    return repr(text if len(text) <= LIMIT else text[: LIMIT - 1] + "…")


def shown(text: str) -> str:
    """Return `text` unchanged if it is harmless on one line of a terminal, otherwise `quoted`."""
    return text if text and text.isprintable() and len(text) <= 4 * LIMIT else quoted(text)


def harmless(text: str) -> str:
    """Return `text` with characters escaped that a terminal would obey or hide, except tabs and line ends.

    They are escaped as in Python (`\\x1b`, `\\u202e`), and a byte that was no UTF-8 as `\\xff`.
    """
    return text if text.isascii() and text.isprintable() else re.sub(_HARMFUL, _escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def readable(text: str) -> str:
    """Return text as JSON can have it: bytes that are no UTF-8 are replaced."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def json_harmless(text: str) -> str:
    """Return JSON that means the same, with characters escaped that a terminal would obey."""
    return re.sub(_HARMFUL, lambda match: f"\\u{ord(match[0]):04x}", text)


def counted(number: int, noun: str, plural: str | None = None) -> str:
    """A number with its noun: `1 object`, `1,024 objects`. `plural` is for nouns that take more than an s.

    The noun may bring its verb: `counted(1, "push is", "pushes are")`.
    """
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def list_some(names: Iterable[object], *, most: int = 1) -> str:
    """The first names, and how many there are besides: `a, b and 3 more`."""
    texts = [str(name) for name in names]
    return ", ".join(texts[:most]) + (f" {and_more(len(texts) - most)}" if len(texts) > most else "")


def and_more(count: int) -> str:
    """The end of a list that is cut short: `and 3 more`."""
    return f"and {count:,} more"
