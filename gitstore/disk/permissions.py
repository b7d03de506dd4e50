"""Permissions of the files that gitstore creates."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def open_up(path: Path, mode: int = 0o777) -> None:
    """Give a new directory, which only its owner may read, the usual mode; a file with `mode` 0o666."""
    # Bits that git has set for a shared repository stay.
    path.chmod(path.stat().st_mode | mode & ~_umask())


def seal(directory: Path) -> None:
    """Make a directory and everything below it readable for everybody and writable for nobody."""
    for folder, _, names in os.walk(directory):
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                path.chmod(0o555 if path.stat().st_mode & 0o100 else 0o444)
        Path(folder).chmod(0o555)


def set_writable(directory: Path, *, writable: bool) -> None:
    """Make the files below a directory writable for their owner, or for nobody."""
    for folder, _, names in os.walk(directory):
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | 0o200 if writable else mode & ~0o222)


def is_ours(path: Path) -> bool:
    """Whether a path, or the nearest directory above it that exists, belongs to this user."""
    existing = next((above for above in (path, *path.parents) if above.exists()), None)
    return existing is not None and existing.stat().st_uid == os.geteuid()


def share(path: Path) -> None:
    """Give a new file or directory in a repository the permissions that git gives to files beside it.

    In a repository with `core.sharedRepository`, the group may write the parent directory and passes its id
    on. Without this, one command of root would lock out all other users.
    """
    parent_mode, mode = path.parent.stat().st_mode, path.stat().st_mode
    if not parent_mode & 0o020:
        return
    inherited = 0o2077 if path.is_dir() else 0o066 if mode & 0o200 else 0o044
    if mode | parent_mode & inherited != mode:
        path.chmod(mode | parent_mode & inherited)


def make_directory(path: Path) -> None:
    """Create a directory in a repository, and its parents, with the permissions of a shared repository."""
    missing = [directory for directory in (path, *path.parents) if not directory.exists()]
    for directory in reversed(missing):
        with suppress(FileExistsError):
            directory.mkdir()
            share(directory)


def _umask() -> int:
    """Return the process's umask. It can be read only by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
