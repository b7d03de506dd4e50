"""How much is read of one object, in bytes; docs/format.md lists the same numbers.

A repository can be made by an attacker, and 3 MB in a pack can become 3 GiB of memory. So the size of an
object is checked before memory is allocated. Contents that may be larger, files of code and states, are
streamed.
"""

from __future__ import annotations

from gitstore.errors import GitstoreError
from gitstore.packs.oid import Kind

MIB = 1024 * 1024

TAG = COMMIT = MIB
TREE = 32 * MIB
PART = 4 * MIB
LINK = 4096
SETTINGS = MIB
PACKAGES_LOCK = 16 * MIB
NOTE = 4 * MIB
IN_MEMORY = 256 * MIB
"""An object that cannot be streamed: a delta, each of its bases, and a loose object that is packed."""

DEEPEST = 256
"""Directories below one another. Only a hostile tree is deeper."""

PATHS = 1_000_000
"""Files and directories in one tree, counted as often as they would be on disk. Writers refuse more."""

PARTS = 4_000_000
"""Parts of all files in one tree, counted likewise: 4 TB of weights."""

CONVERTED = 512 * MIB
"""A file of code that git converts. Git holds it in memory once or twice."""

DIFFED_FILE = 8 * MIB
"""A larger file of code is compared like a binary file, because git needs 80 times the bytes of a text."""

DIFFED = 1024 * MIB
"""All files of code together whose lines are compared."""

_INNER = {Kind.TAG: TAG, Kind.COMMIT: COMMIT, Kind.TREE: TREE}
_SMALLER = {
    Kind.TAG: "shorten the message",
    Kind.COMMIT: "shorten the message",
    Kind.TREE: "spread the files over several directories, or cut a file of terabytes in two",
}


class TooMuch(ValueError):
    """An object is larger than the limit of its kind."""


def check(kind: Kind, size: int, at_most: int) -> None:
    """Raise `TooMuch` for a blob of over `at_most` bytes, or another object over the limit of its kind."""
    limit = _INNER.get(kind, at_most)
    if size > limit:
        raise TooMuch(f"it is a {kind.name.lower()} of {size:,} bytes, where at most {limit:,} are read")


def check_paths(count: int, directory: object) -> None:
    """Raise `GitstoreError` if a directory on disk has more files and directories than could be read back."""
    if count > PATHS:
        raise GitstoreError(
            f"{directory} has over {PATHS:,} files and directories, more than a snapshot can hold",
            "put many small files into one archive, or move away what does not belong there",
        )


def check_new(kind: Kind, size: int, path: object) -> None:
    """Raise `GitstoreError` for a new tag, commit or tree of `size` bytes that could not be read back."""
    limit = _INNER.get(kind)
    if limit is not None and size > limit:
        raise GitstoreError(
            f"{path}: its {kind.name.lower()} object would have {size:,} bytes;"
            f" at most {limit:,} can be read again",
            _SMALLER[kind],
        )
