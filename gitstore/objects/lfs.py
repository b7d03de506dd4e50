"""Git LFS pointers: what is on disk where a file should be, after a download that brought no contents.

The format is https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md.
"""

from __future__ import annotations

from pathlib import Path

_STARTS = (b"version https://git-lfs.github.com/spec/v1\n", b"version https://hawser.github.com/spec/v1\n")
_LONGEST = 1024
"""A pointer is shorter than this, says the specification."""


def is_pointer(path: Path, size: int) -> bool:
    """Whether a file of that size is a pointer. What cannot be read is none."""
    if not min(map(len, _STARTS)) < size < _LONGEST:
        return False
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).startswith(_STARTS)
    except OSError:
        return False
