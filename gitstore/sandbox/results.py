"""What a sandbox has left in the directory of results, made harmless before anybody else sees it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

_SET_ID = stat.S_ISUID | stat.S_ISGID


def reclaim_results(out: Path) -> None:
    """Make `out` and all below it belong to the caller, and no file of it run with its owner's rights.

    No process of the sandbox may be alive. Links are not followed. What has no path, since directories are
    nested too deep, stays as it is: nobody else can name it either.
    """
    user, group = os.geteuid(), os.getegid()
    _reclaim(out, os.lstat(out), user=user, group=group)
    pending = [str(out)]
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    _reclaim(entry, entry.stat(follow_symlinks=False), user=user, group=group)
                    if entry.is_dir(follow_symlinks=False):
                        pending.append(entry.path)
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise


def find_planted_link(out: Path) -> Path | None:
    """Return a symbolic link in `out` that leads out of it; `None` if there is none.

    In the sandbox it led nowhere. Whoever follows it here, with the user's rights, reads the user's files.
    """
    root = os.path.realpath(out)
    for folder, folders, names in os.walk(out):
        for name in (*folders, *names):
            path = Path(folder, name)
            if path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(root):
                return path
    return None


def _reclaim(path: os.PathLike[str], status: os.stat_result, *, user: int, group: int) -> None:
    if status.st_uid != user:
        os.chown(path, user, group, follow_symlinks=False)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISDIR(status.st_mode) and mode & stat.S_IRWXU != stat.S_IRWXU:
        os.chmod(path, mode | stat.S_IRWXU)  # noqa: PTH101 - of a directory entry
    elif stat.S_ISREG(status.st_mode) and mode & _SET_ID:
        os.chmod(path, mode & ~_SET_ID)  # noqa: PTH101
