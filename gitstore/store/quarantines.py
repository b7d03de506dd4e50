"""Directories of pushes that a killed git left in a repository: objects that nothing ever names."""

from __future__ import annotations

from pathlib import Path

from gitstore.disk.directories import measure_size, remove_tree
from gitstore.disk.processes import find_working_in

_PATTERNS = ("tmp_objdir-*", "incoming-*")
"""The names of git's quarantines, tmp-objdir.c of git; `incoming-` until git 2.34."""

_RECEIVING = b"receive-pack "


def list_quarantines(repository: Path) -> list[Path]:
    """Return the quarantines of a repository, of living pushes too."""
    return sorted(path for pattern in _PATTERNS for path in (repository / "objects").glob(pattern))


def find_left_quarantines(repository: Path) -> list[Path]:
    """Return the quarantines that no push can still use.

    git works in the repository while it receives a push. As long as any process does, or the system does not
    say, there are none.
    """
    quarantines = list_quarantines(repository)
    return quarantines if quarantines and find_working_in(repository, "git") is False else []


def sweep_quarantines(repository: Path, *, dry_run: bool = False) -> int:
    """Remove the quarantines that no push can still use; return their bytes."""
    quarantines = find_left_quarantines(repository)
    size = sum(measure_size(path) for path in quarantines)
    if not dry_run:
        for path in quarantines:
            remove_tree(path)
    return size


def drop_receiving_marks(repository: Path) -> None:
    """Remove the `.keep` of a pack whose refs are not set yet, which a killed git leaves.

    Nothing happens while a push may still need them.
    """
    marks = list((repository / "objects" / "pack").glob("*.keep"))
    stale = [path for path in marks if path.read_bytes().startswith(_RECEIVING)]
    if stale and find_working_in(repository, "git") is False:
        for path in stale:
            path.unlink(missing_ok=True)
