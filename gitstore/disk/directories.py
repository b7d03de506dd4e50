"""Directories that are built out of sight: one scheme of names, and one way to tell what a kill left.

Such a directory is `.NAME~new-RANDOM`, in the directory where NAME is meant to be, or in one of ours. Whoever
builds it holds an flock(2) on it, which goes with the process and with the git processes that it started.
So one that nobody holds was left by a kill. The next that builds the same there removes it, and so
does `gitstore gc`.
"""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitstore.disk import locks
from gitstore.disk.permissions import is_ours, make_directory

NEW = "~new-"
"""What follows the name. No name of a model, snapshot or state has a tilde."""


@contextmanager
def hidden(parent: Path, name: str) -> Iterator[Path]:
    """A new directory that is meant to become `name` in `parent`; gone at the end, unless it was renamed.

    Raises `OSError`.
    """
    while True:
        directory = Path(tempfile.mkdtemp(prefix=f".{name}{NEW}", dir=parent))
        with locks.directory(directory) as ours:
            if not ours:  # another process took it for abandoned, just before we held it
                continue
            try:
                yield directory
            finally:
                if os.path.lexists(directory):
                    remove_tree(directory)
            return


@contextmanager
def scratch(parent: Path, name: str) -> Iterator[Path]:
    """A directory for what is gone at the end and is not for `parent` itself, which may be only read.

    It is in `parent`, or if that is somebody else's or cannot be written, among the system's temporary files.
    """
    with hidden(parent if _is_writable(parent) else Path(tempfile.gettempdir()), name) as directory:
        yield directory


def sweep(parent: Path, name: str | None = None) -> None:
    """Remove what killed processes left in a directory, of one name or of all."""
    for path in _every(parent, name):
        remove_abandoned(path)


def abandoned(parent: Path) -> list[Path]:
    """What killed processes left in a directory."""
    found = []
    for path in _every(parent, None):
        with locks.directory(path) as free:
            found += [path] if free else []
    return found


def remove_abandoned(path: Path) -> None:
    """Remove a directory unless somebody holds it."""
    with locks.directory(path) as free:
        if free:
            remove_tree(path)


def _every(parent: Path, name: str | None) -> list[Path]:
    return sorted(parent.glob(f".{glob.escape(name) if name is not None else '*'}{NEW}*"))


def _is_writable(directory: Path) -> bool:
    """Whether a directory is ours, and is there or can be made, and can be written to."""
    if not is_ours(directory):
        return False
    try:
        make_directory(directory)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


def remove_tree(directory: Path) -> None:
    """Delete a directory of ours, read-only files and directories included. Of a link, only the link."""
    if directory.is_symlink():
        directory.unlink()
        return
    for folder, _, _ in os.walk(directory):
        Path(folder).chmod(0o700)
    shutil.rmtree(directory, ignore_errors=True)
