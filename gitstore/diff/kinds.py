"""What kind of change there is between something before and something after."""

from __future__ import annotations


def kind(before: object, after: object) -> str:
    """`added`, `removed` or `changed`; what is `None` is not there."""
    if before is None:
        return "added"
    return "removed" if after is None else "changed"
