"""How text that came from outside is shown in a message."""

from __future__ import annotations

import re
from collections.abc import Iterable

LIMIT = 60

# Control characters of ASCII and Latin-1, which terminals obey; what turns the direction of text or ends
# lines; bytes that were no UTF-8, which are control characters to a terminal of 8 bits.
_CONTROLS = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)


def quoted(text: str) -> str:
    """`text` in quotes, on one line, short and harmless on a terminal, whatever it holds.

    Characters that cannot be seen are escaped as in Python; past 60 characters it ends in `…`.
    """
    return repr(text if len(text) <= LIMIT else text[: LIMIT - 1] + "…")


def shown(text: str) -> str:
    """`text` as it is if that is harmless on one line of a terminal, else as `quoted` has it."""
    return text if text and text.isprintable() and len(text) <= 4 * LIMIT else quoted(text)


def harmless(text: str) -> str:
    """`text` as a terminal may get it: what it would obey or hide is escaped, but for tabs and ends of lines.

    Escaped as in Python (`\\x1b`, `\\u202e`), and a byte that was no UTF-8 as `\\xff`.
    """
    return text if text.isascii() and text.isprintable() else _CONTROLS.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def json_harmless(text: str) -> str:
    """A JSON text that means the same, with the characters escaped that a terminal would obey."""
    return _CONTROLS.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def list_some(names: Iterable[object], *, most: int = 1) -> str:
    """The first names, and how many there are besides: `a, b and 3 more`."""
    texts = [str(name) for name in names]
    return ", ".join(texts[:most]) + (f" {and_more(len(texts) - most)}" if len(texts) > most else "")


def and_more(count: int) -> str:
    """The end of a list that is cut short: `and 3 more`."""
    return f"and {count:,} more"
