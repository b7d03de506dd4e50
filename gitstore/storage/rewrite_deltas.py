"""Rewriting packs with deltas without their dead objects. git does it, and reuses the deltas that it can."""

from __future__ import annotations

from collections.abc import Collection

from gitstore.disk.atomic import durable_file, sync_directory
from gitstore.git.config import BIG_FILE_THRESHOLD
from gitstore.git.repository import Repository
from gitstore.objects.prune import MOST_DEAD
from gitstore.objects.repack import LARGE_PACK, LINKED_PACK, remove_packs
from gitstore.packs.format import GIT_MARK
from gitstore.packs.oid import Oid
from gitstore.packs.pack import Pack


def rewrite_delta_packs(repository: Repository, live: Collection[Oid]) -> int:
    """Rewrite packs with deltas of which much is dead; return the bytes that this frees.

    The new pack is durable before the old one is removed. The caller holds the repository's lock alone.
    Packs that are dead as a whole are left to `objects.prune`. Raises `GitFailed` for a damaged pack.
    """
    freed = 0
    for pack in repository.objects.own_packs:
        if pack.is_ours and not pack.is_plain:
            sizes = {Oid(oid): size for oid, size in pack.disk_sizes()}
            kept = [oid for oid in sizes if oid in live]
            dead = sum(size for oid, size in sizes.items() if oid not in live)
            if kept and dead and not _stays_whole(pack, dead):
                freed += _rewrite(repository, pack, kept)
    return freed


def _stays_whole(pack: Pack, dead: int) -> bool:
    """Whether a pack is so large, with so few dead bytes, that it stays as it is."""
    is_large = pack.size >= (LINKED_PACK if pack.is_linked else LARGE_PACK)
    return is_large and dead * MOST_DEAD <= pack.size


def _rewrite(repository: Repository, pack: Pack, kept: list[Oid]) -> int:
    directory = repository.common / "objects" / "pack"
    name = repository.git(
        "-c", f"core.bigFileThreshold={BIG_FILE_THRESHOLD}", "-c", "core.fsync=committed",
        "pack-objects", "--quiet", "--delta-base-offset", str(directory / "pack"),
        stdin="".join(f"{oid}\n" for oid in kept).encode(),
    ).decode().strip()  # fmt: skip
    with durable_file(directory, GIT_MARK, suffix="keep") as keep:
        keep.rename(directory / f"pack-{name}.keep")
    sync_directory(directory)
    size = (directory / f"pack-{name}.pack").stat().st_size
    if pack.path.name == f"pack-{name}.pack":
        return 0
    before = pack.size
    remove_packs(repository.objects, [pack])
    return before - size
