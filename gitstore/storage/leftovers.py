"""Files that a crash left: parts of packs, and directories that were never finished.

The caller holds the repository's lock alone, so that no write of gitstore is under way. Git knows
nothing of that: its temporary files are left to it, and so is a pack that may be about to get its
index, until it is a day old. Single files that gitstore writes without the lock are left for a day, too;
of directories, `directories` tells whether anybody still builds them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from gitstore.disk import directories
from gitstore.disk.atomic import TEMPORARY
from gitstore.disk.directories import remove_tree
from gitstore.disk.hidden_names import NEW
from gitstore.git.repository import Repository
from gitstore.layout import STATES
from gitstore.packs.pack import SUFFIXES
from gitstore.packs.writer import GIT_MARK, KEEP_MARK

SAFE_AGE = 24 * 60 * 60
"""Seconds after which nothing can still be written by a process that did not take the lock."""


def orphans(repository: Repository) -> list[Path]:
    """Files and directories that crashes left, by path."""
    packs = repository.common / "objects" / "pack"
    found = [*packs.glob(f"{TEMPORARY}*"), *repository.private.glob(f"{TEMPORARY}*"), *_without_index(packs)]
    hidden_files = (path for path in repository.private.glob(f".*{NEW}-*") if not path.is_dir())
    found += (path for path in hidden_files if _is_old(path))
    tops = [worktree.directory for worktree in repository.worktrees()]
    for parent in (packs, repository.private, *tops, *(top / STATES for top in tops)):
        found += directories.find_abandoned(parent)
    return sorted(found)


def stale_locks(repository: Repository) -> list[Path]:
    """The locks of git that are there: those of a running git, or what one that was killed has left."""
    common = repository.common
    places = (
        common.glob("*.lock"),
        common.glob("packed-refs.new"),
        common.glob("worktrees/*/*.lock"),
        common.glob("refs/**/*.lock"),
    )
    # Ours stay for good, and mean nothing when nobody holds them.
    return sorted(path for place in places for path in place if not path.name.startswith("gitstore-"))


def size(path: Path) -> int:
    """The bytes of a file, or of all files below a directory."""
    if path.is_dir() and not path.is_symlink():
        return sum(each.lstat().st_size for each in path.rglob("*") if not each.is_dir() or each.is_symlink())
    return path.lstat().st_size


def remove(path: Path) -> None:
    """Remove a file, or a directory with all that is in it."""
    if NEW in path.name and path.is_dir():
        directories.remove_abandoned(path)
    elif path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)


def _without_index(packs: Path) -> Iterator[Path]:
    """What is left of packs whose index is not there: ours at once, others when they are old."""
    for stem in sorted({path.with_suffix("") for path in packs.glob("pack-*") if path.suffix in SUFFIXES}):
        files = [stem.with_suffix(suffix) for suffix in SUFFIXES]
        keep = stem.with_suffix(".keep")
        there = [path for path in files if path.exists()]
        if files[0] in there or (keep in there and not _is_mark(keep)):
            continue
        yield from there if keep in there else (path for path in there if _is_old(path))


def _is_mark(path: Path) -> bool:
    try:
        return path.read_bytes() in (KEEP_MARK, GIT_MARK)
    except OSError:
        return False


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > SAFE_AGE
    except FileNotFoundError:
        return False
