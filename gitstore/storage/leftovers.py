"""Leftovers of crashes: parts of packs, and directories that were never finished.

The caller holds the repository's lock exclusively, so that no write of gitstore is under way. git does not
know that lock. So git's temporary files stay, and so does a pack without an index until it is a day old.
Single files that gitstore writes without the lock also stay for a day. `disk.directories` knows which
directories are still being built.
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
from gitstore.packs.pack import SUFFIXES, is_our_mark

SAFE_AGE = 24 * 60 * 60
"""Seconds after which nothing can still be written by a process that did not take the lock."""


def find_leftovers(repository: Repository) -> list[Path]:
    """Return the files and directories that crashes left, sorted by path."""
    packs = repository.common / "objects" / "pack"
    paths = [*packs.glob(f"{TEMPORARY}*"), *repository.private.glob(f"{TEMPORARY}*"), *_without_index(packs)]
    hidden_files = (path for path in repository.private.glob(f".*{NEW}-*") if not path.is_dir())
    paths += (path for path in hidden_files if _is_old(path))
    tops = [worktree.directory for worktree in repository.worktrees()]
    for parent in (packs, repository.private, *tops, *(top / STATES for top in tops)):
        paths += directories.find_abandoned(parent)
    return sorted(paths)


def find_git_locks(repository: Repository) -> list[Path]:
    """Return git's lock files. Each belongs to a running git, or was left by a killed one."""
    common = repository.common
    patterns = (
        common.glob("*.lock"),
        common.glob("packed-refs.new"),
        common.glob("worktrees/*/*.lock"),
        common.glob("refs/**/*.lock"),
    )
    # Lock files of gitstore stay for ever. They mean nothing while no process holds them.
    return sorted(path for paths in patterns for path in paths if not path.name.startswith("gitstore-"))


def remove_leftover(path: Path) -> None:
    """Remove a file, or a directory with all that is in it."""
    if NEW in path.name and path.is_dir():
        directories.remove_abandoned(path)
    elif path.is_dir() and not path.is_symlink():
        remove_tree(path)
    else:
        path.unlink(missing_ok=True)


def _without_index(packs: Path) -> Iterator[Path]:
    """Yield the files of packs that have no index: gitstore's at once, others when they are old."""
    for stem in sorted({path.with_suffix("") for path in packs.glob("pack-*") if path.suffix in SUFFIXES}):
        files = [stem.with_suffix(suffix) for suffix in SUFFIXES]
        keep = stem.with_suffix(".keep")
        existing = [path for path in files if path.exists()]
        if files[0] in existing or (keep in existing and not is_our_mark(keep)):
            continue
        yield from existing if keep in existing else (path for path in existing if _is_old(path))


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.lstat().st_mtime > SAFE_AGE
    except FileNotFoundError:
        return False
