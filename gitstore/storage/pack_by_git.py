"""Letting git write a pack of some objects, with the deltas that they have already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from gitstore.disk.atomic import durable_file, sync_directory
from gitstore.git.config import BIG_FILE_THRESHOLD
from gitstore.git.repository import Repository
from gitstore.packs.format import GIT_MARK
from gitstore.packs.oid import Oid


def pack_by_git(
    repository: Repository, oids: Iterable[Oid], *, variables: Mapping[str, str] | None = None
) -> Path:
    """Let git write a pack in a repository, and return its path. Durable, and marked as ours.

    git gets `variables`, for instance to borrow objects. Raises `GitFailed`.
    """
    directory = repository.common / "objects" / "pack"
    name = repository.git(
        "-c", f"core.bigFileThreshold={BIG_FILE_THRESHOLD}", "-c", "core.fsync=committed",
        "pack-objects", "--quiet", "--delta-base-offset", str(directory / "pack"),
        stdin="".join(f"{oid}\n" for oid in oids).encode(), variables=variables,
    ).decode().strip()  # fmt: skip
    with durable_file(directory, GIT_MARK, suffix="keep") as keep:
        keep.rename(directory / f"pack-{name}.keep")
    sync_directory(directory)
    return directory / f"pack-{name}.pack"
