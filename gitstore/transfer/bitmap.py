"""A bitmap of what each commit needs, with which git sends exactly the objects that the other side lacks.

Snapshots are siblings. Without a bitmap, git takes from one that the other side has only its history, and
sends the whole tree of the next (git-multi-pack-index(1), gitformat-bitmap(5)).
"""

from __future__ import annotations

from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository

_STALE = 50
"""So many packs may be newer than the bitmap. git looks at their objects one by one."""


def prepare(repository: Repository) -> None:
    """Write a multi-pack-index with a bitmap, unless a recent one exists. Loose objects are packed first.

    Never fails: without a bitmap, git sends more. Clones that lack objects can have none.
    """
    if is_prepared(repository):
        return
    try:
        with repository.writing():
            repository.git("repack", "-d", "-l", "-q")  # loose objects become a pack; no pack is removed
            repository.git("multi-pack-index", "write", "--bitmap")
    except (GitstoreError, OSError):
        return


def is_prepared(repository: Repository) -> bool:
    """Whether `prepare` would do nothing: there is a recent bitmap, or can be none."""
    return not _is_possible(repository) or _is_recent(repository) or _is_empty(repository)


def _is_empty(repository: Repository) -> bool:
    objects = repository.objects
    objects.refresh()
    return not objects.own_packs and next(objects.list_loose(), None) is None


def _is_possible(repository: Repository) -> bool:
    shallow = repository.common / "shallow"
    is_whole = not repository.config("extensions.partialClone") and not shallow.exists()
    return is_whole and not repository.is_foreign


def _is_recent(repository: Repository) -> bool:
    directory = repository.common / "objects" / "pack"
    index = directory / "multi-pack-index"
    if not index.exists() or not any(directory.glob("*.bitmap")):
        return False
    written = index.stat().st_mtime_ns
    return sum(path.stat().st_mtime_ns > written for path in directory.glob("*.idx")) <= _STALE
