"""Who may read and write the files that we make."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def open_up(path: Path, mode: int = 0o777) -> None:
    """Give a temporary directory, which only we may read, the mode of any new one; a file with 0o666."""
    # What else git has given it, for a shared repository, stays.
    path.chmod(path.stat().st_mode | mode & ~_umask())


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


def share(path: Path) -> None:
    """Give a new file or directory in a repository to those to whom git gives what is beside it.

    That is `core.sharedRepository`, told by the directory around it: git lets the group write there, and
    hand its id down. Without this, one command of root would lock everybody else out.
    """
    around, mode = path.parent.stat().st_mode, path.stat().st_mode
    if not around & 0o020:
        return
    given = 0o2077 if path.is_dir() else 0o066 if mode & 0o200 else 0o044
    if mode | around & given != mode:
        path.chmod(mode | around & given)


def make_directory(path: Path) -> None:
    """Make a directory in a repository, with those above it, for whom the repository is shared with."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    for each in reversed(missing):
        with suppress(FileExistsError):
            each.mkdir()
            share(each)


def _umask() -> int:
    """The process's umask, which can be read only by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
