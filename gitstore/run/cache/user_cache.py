"""Finding the user's cache: its directory and its limit, from git's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from gitstore.errors import GitstoreError
from gitstore.git import process
from gitstore.git.config import read_user_config
from gitstore.run.cache.cache import DEFAULT_LIMIT, Cache
from gitstore.units import parse_size

KEYS = ("cachedir", "cachesize")
"""The keys of git's configuration that count, in the section `gitstore`."""

_NO_PLACE = "git config --global gitstore.cacheDir DIR sets it"


def find_user_cache(directory: Path) -> Cache:
    """Return the cache that `gitstore.cacheDir` and `gitstore.cacheSize` of git's configuration set.

    Only the user's configuration counts: a repository must not determine where somebody else's commands
    write. git reads it in `directory`. Raises `GitstoreError` for a value that is not a path or a size, and
    if there is no home directory.
    """
    return make_user_cache(read_user_config("gitstore", directory, keys=KEYS))


def make_user_cache(values: Mapping[str, str]) -> Cache:
    """Return the cache that values of `KEYS` set. Raises like `find_user_cache`."""
    path, limit = values.get("cachedir"), values.get("cachesize")
    if path is not None and not Path(path).is_absolute():
        raise GitstoreError(f"gitstore.cacheDir is {path!r}, which is not an absolute path", _NO_PLACE)
    try:
        size = parse_size(limit) if limit is not None else DEFAULT_LIMIT
    except ValueError as error:
        raise GitstoreError(
            f"gitstore.cacheSize: {error}", "git config --global gitstore.cacheSize 20GiB sets it"
        ) from error
    return Cache(Path(path) if path is not None else _find_cache_home() / "gitstore", size)


def _find_cache_home() -> Path:
    """Return the directory of the user's caches, by the XDG Base Directory Specification, as git does."""
    path = process.environment_variable("XDG_CACHE_HOME") or ""
    if Path(path).is_absolute():  # the specification says to ignore relative paths
        return Path(path)
    try:
        return Path.home() / ".cache"
    except RuntimeError as error:
        raise GitstoreError(
            "there is no home directory, so there is no place for the cache", _NO_PLACE
        ) from error
