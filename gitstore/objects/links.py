"""Targets of symbolic links, as texts: where they may lead, whatever the file system has there."""

from __future__ import annotations

from pathlib import PurePosixPath


def count_ascents(target: str) -> int | None:
    """Return how many directories a target goes up before it goes down.

    `None` if nobody can tell where it leads: it is absolute, or goes up again after it went down, perhaps
    through another link.
    """
    steps = PurePosixPath(target).parts
    ascents = next((i for i, step in enumerate(steps) if step != ".."), len(steps))
    return None if target.startswith("/") or ".." in steps[ascents:] else ascents


def leads_out(path: PurePosixPath, target: str) -> bool:
    """Whether a link at `path` of a tree may lead out of the tree, by itself or through other links."""
    ascents = count_ascents(target)
    return ascents is None or ascents > len(path.parts) - 1
