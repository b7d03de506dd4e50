"""Who may read and write the files that we make."""

from __future__ import annotations

import os
from pathlib import Path


def open_up(directory: Path) -> None:
    """Give a temporary directory, which only we may read, the mode of any new one."""
    # What else git has given it, for a shared repository, stays.
    directory.chmod(directory.stat().st_mode | 0o777 & ~_umask())


def seal(directory: Path) -> None:
    """Let nobody write a directory or anything below it, and everybody read it, whatever the umask."""
    for folder, _, names in os.walk(directory):
        for path in (Path(folder, each) for each in names):
            if not path.is_symlink():
                path.chmod(0o555 if path.stat().st_mode & 0o100 else 0o444)
        Path(folder).chmod(0o555)


def set_writable(directory: Path, *, writable: bool) -> None:
    """Let the files below a directory be written by their owner, or by nobody."""
    for folder, _, names in os.walk(directory):
        for path in (Path(folder, each) for each in names):
            if not path.is_symlink():
                mode = path.stat().st_mode
                path.chmod(mode | 0o200 if writable else mode & ~0o222)


def is_ours(path: Path) -> bool:
    """Whether a file or directory, or the nearest above it that is there, belongs to this user."""
    there = next((each for each in (path, *path.parents) if each.exists()), None)
    return there is not None and there.stat().st_uid == os.geteuid()


def _umask() -> int:
    """The process's umask, which can be read only by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
