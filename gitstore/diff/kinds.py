"""The kinds of change that every part of a diff has: added, removed, changed."""

from __future__ import annotations


def classify_change(before: object, after: object) -> str:
    """Return `added`, `removed` or `changed` for two things that differ; `None` means that there is none."""
    if before is None:
        return "added"
    return "removed" if after is None else "changed"
