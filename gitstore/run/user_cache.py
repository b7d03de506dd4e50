"""Where the user's cache is, for commands and for programs that import gitstore."""

from __future__ import annotations

from pathlib import Path

from gitstore.errors import GitstoreError
from gitstore.git import process
from gitstore.git.config import read_user_config
from gitstore.run.cache import DEFAULT_LIMIT, Cache
from gitstore.units import parse_size

_REMEDY = "git config --global gitstore.cacheDir DIR sets it"


def find_user_cache(directory: Path) -> Cache:
    """The user's cache, as `gitstore.cacheDir` and `gitstore.cacheSize` of git's configuration have it.

    The user's configuration alone: a repository does not say where somebody else's commands write. Git reads
    it in `directory`. Raises `GitstoreError` for a value that is not a path or a size, and if there is no
    home directory.
    """
    values = read_user_config("gitstore", directory, keys=("cachedir", "cachesize"))
    place, limit = values.get("cachedir"), values.get("cachesize")
    if place is not None and not Path(place).is_absolute():
        raise GitstoreError(f"gitstore.cacheDir is {place!r}, which is not an absolute path", _REMEDY)
    try:
        size = parse_size(limit) if limit is not None else DEFAULT_LIMIT
    except ValueError as error:
        raise GitstoreError(
            f"gitstore.cacheSize: {error}", "git config --global gitstore.cacheSize 20GiB sets it"
        ) from error
    return Cache(Path(place) if place is not None else _cache_home() / "gitstore", size)


def _cache_home() -> Path:
    """Where the user's caches are, by the XDG Base Directory Specification, which git follows, too."""
    named = process.environment_variable("XDG_CACHE_HOME") or ""
    if Path(named).is_absolute():  # others are to be ignored, says the specification
        return Path(named)
    try:
        return Path.home() / ".cache"
    except RuntimeError as error:
        raise GitstoreError("there is no home directory, and so no place for the cache", _REMEDY) from error
