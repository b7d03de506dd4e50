"""How much a reader takes of one object, in bytes: docs/format.md lists the same numbers.

Whoever made a repository chose the sizes in it, and 3 MB in a pack can be 3 GiB of memory. So the size is
looked at before memory is taken. Contents that may be larger, files of code and states, are streamed.
"""

from __future__ import annotations

from gitstore.objects.oid import Kind
from gitstore.objects.parts import PART_MAX

MIB = 1024 * 1024

TAG = COMMIT = MIB
TREE = 32 * MIB
PART = PART_MAX
LINK = 4096
SETTINGS = MIB
PACKAGES_LOCK = 16 * MIB
IN_MEMORY = 256 * MIB
"""What is not streamed: a delta, with what it builds on, and a loose object that is packed."""

DEEPEST = 256
"""Directories below one another: nobody's are deeper, but a hostile tree's may be."""

PATHS = 1_000_000
"""Files and directories in one tree, counted as often as they would be on disk."""

PARTS = 4_000_000
"""Parts of all files in one tree, counted likewise: 4 TB of weights."""

_INNER = {Kind.TAG: TAG, Kind.COMMIT: COMMIT, Kind.TREE: TREE}


class TooMuch(ValueError):
    """An object is larger than what is read of its kind."""


def check(kind: Kind, size: int, at_most: int) -> None:
    """Raise `TooMuch` for an inner object over the limit of its kind, or a blob of over `at_most` bytes."""
    limit = _INNER.get(kind, at_most)
    if size > limit:
        raise TooMuch(f"it is a {kind.name.lower()} of {size:,} bytes, where at most {limit:,} are read")
