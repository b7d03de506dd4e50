"""How text that came from outside is shown in a message."""

from __future__ import annotations

LIMIT = 60


def quoted(text: str) -> str:
    """`text` in quotes, on one line, short and harmless on a terminal, whatever it holds.

    Characters that cannot be seen are escaped as in Python; past 60 characters it ends in `…`.
    """
    return repr(text if len(text) <= LIMIT else text[: LIMIT - 1] + "…")


def shown(text: str) -> str:
    """`text` as it is if that is harmless on one line of a terminal, else as `quoted` has it."""
    return text if text and text.isprintable() and len(text) <= 4 * LIMIT else quoted(text)
