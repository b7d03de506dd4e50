"""Git LFS pointers: small files that are on disk in place of large ones that were not downloaded.

The format is in docs/spec.md of git-lfs.
"""

from __future__ import annotations

from pathlib import Path

from gitstore.bigfiles.scan import Listing
from gitstore.errors import GitstoreError
from gitstore.text import list_some

_STARTS = (b"version https://git-lfs.github.com/spec/v1\n", b"version https://hawser.github.com/spec/v1\n")
_LONGEST = 1024
"""By the specification, a pointer is shorter than this."""


def is_pointer(path: Path, size: int) -> bool:
    """Whether a file of that size is a pointer. A file that cannot be read is not."""
    if not min(map(len, _STARTS)) < size < _LONGEST:
        return False
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).startswith(_STARTS)
    except OSError:
        return False


def refuse_pointers(listing: Listing, hint: str = "--force stores the pointer itself") -> None:
    """Raise `GitstoreError`, which names the first pointers, if files of a listing are pointers."""
    pointers = sorted(file.path for file in listing.walk() if is_pointer(file.path, file.stamp.size))
    if not pointers:
        return
    problem = "is a Git LFS pointer, not the file itself"
    if len(pointers) > 1:
        problem = "are Git LFS pointers, not the files themselves"
    raise GitstoreError(
        f"{list_some(pointers)} {problem}",
        f"run git lfs pull to download the real files; {hint}",
    )
