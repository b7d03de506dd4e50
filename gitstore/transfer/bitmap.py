"""A bitmap of what each commit needs, with which git sends exactly the objects that the other side lacks.

Snapshots are siblings. Without a bitmap, git takes from one that the other side has only its history, and
sends the whole tree of the next (git-multi-pack-index(1), gitformat-bitmap(5)).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gitstore.disk import locks
from gitstore.errors import GitstoreError

if TYPE_CHECKING:
    from gitstore.git.repository import Repository

_STALE = 50
"""So many packs may be newer than the multi-pack-index. git looks into them one by one."""

_INDEX = "multi-pack-index"


def prepare(repository: Repository) -> None:
    """Write a multi-pack-index with a bitmap, unless a recent one exists. Loose objects are packed first.

    Never fails: without a bitmap, git sends more. Clones that lack objects can have none. No pack is merged
    at the same time: the index would name packs that are gone.
    """
    if is_prepared(repository):
        return
    try:
        with locks.upkeep(repository.private, wait=True) as is_held:
            if not is_held or is_prepared(repository):
                return
            if next(repository.objects.list_loose(), None) is not None:
                repository.git("repack", "-d", "-l", "-q")  # they become a pack; no pack is removed
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
    objects = repository.common / "objects"
    has_bitmap = (objects / "pack" / _INDEX).exists() and any((objects / "pack").glob("*.bitmap"))
    return has_bitmap and not is_outdated(objects)


def is_outdated(objects: Path) -> bool:
    """Whether many packs of an object directory are not in its multi-pack-index. Opens no repository."""
    directory, written, count = objects / "pack", 0, 0
    with suppress(FileNotFoundError):
        written = (directory / _INDEX).stat().st_mtime_ns
    for path in directory.glob("*.idx"):
        with suppress(FileNotFoundError):  # merged at this moment
            count += path.stat().st_mtime_ns > written
    return count > _STALE
