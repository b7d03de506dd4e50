"""How much a reader takes of one object, in bytes: docs/format.md lists the same numbers.

Whoever made a repository chose the sizes in it, and 3 MB in a pack can be 3 GiB of memory. So the size is
looked at before memory is taken. Contents that may be larger, files of code and states, are streamed.
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
IN_MEMORY = 256 * MIB
"""What is not streamed: a delta, with what it builds on, and a loose object that is packed."""

DEEPEST = 256
"""Directories below one another: nobody's are deeper, but a hostile tree's may be."""

PATHS = 1_000_000
"""Files and directories in one tree, counted as often as they would be on disk. Writers refuse more, too."""

PARTS = 4_000_000
"""Parts of all files in one tree, counted likewise: 4 TB of weights."""

CONVERTED = 512 * MIB
"""A file of code that git converts: it takes all of it into memory, once or twice."""

DIFFED_FILE = 8 * MIB
"""A larger file of code is compared as git compares what is no text: git takes 80 times a text's bytes."""

DIFFED = 1024 * MIB
"""All files of code of which the lines are compared."""

_INNER = {Kind.TAG: TAG, Kind.COMMIT: COMMIT, Kind.TREE: TREE}
_SMALLER = {
    Kind.TAG: "shorten the message",
    Kind.COMMIT: "shorten the message",
    Kind.TREE: "spread the files over several directories, or cut a file of terabytes in two",
}


class TooMuch(ValueError):
    """An object is larger than what is read of its kind."""


def check(kind: Kind, size: int, at_most: int) -> None:
    """Raise `TooMuch` for an inner object over the limit of its kind, or a blob of over `at_most` bytes."""
    limit = _INNER.get(kind, at_most)
    if size > limit:
        raise TooMuch(f"it is a {kind.name.lower()} of {size:,} bytes, where at most {limit:,} are read")


def check_paths(count: int, directory: object) -> None:
    """Raise `GitstoreError` if a directory on disk has more files and directories than can be read back."""
    if count > PATHS:
        raise GitstoreError(
            f"{directory} has over {PATHS:,} files and directories, more than a snapshot can hold",
            "put many small files into one archive, or move away what does not belong there",
        )


def check_new(kind: Kind, size: int, path: object) -> None:
    """Raise `GitstoreError` for a new inner object of `size` bytes that could not be read back."""
    limit = _INNER.get(kind)
    if limit is not None and size > limit:
        raise GitstoreError(
            f"{path}: its {kind.name.lower()} object would have {size:,} bytes;"
            f" at most {limit:,} can be read again",
            _SMALLER[kind],
        )
