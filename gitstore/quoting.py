"""How text that came from outside is shown in a message."""

from __future__ import annotations

LIMIT = 60


def quoted(text: str) -> str:
    """`text` in quotes, on one line, short and harmless on a terminal, whatever it holds.

    Characters that cannot be seen are escaped as in Python; past 60 characters it ends in `…`.
    """
    return repr(text if len(text) <= LIMIT else text[: LIMIT - 1] + "…")
