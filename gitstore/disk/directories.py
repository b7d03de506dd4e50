"""Directories that are built out of sight: one way to build them, and one way to tell what a kill left.

Such a directory is `.NAME~new-RANDOM` (see `hidden_names`), in the directory where NAME is meant to be, or
in one of ours. Its builder holds an flock(2) on it, and so do the git processes that the builder starts. A
directory that nobody holds was left by a kill. The next process that builds NAME there removes it, and so
does `gitstore gc`.
"""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gitstore.disk import locks
from gitstore.disk.hidden_names import NEW, new_prefix
from gitstore.disk.permissions import is_ours, make_directory


@contextmanager
def hidden(parent: Path, name: str) -> Iterator[Path]:
    """A new directory that is meant to become `name` in `parent`; removed at the end unless it was renamed.

    What killed processes left of the same name is removed first. Raises `OSError`.
    """
    sweep(parent, name)
    with _locked(parent, name) as directory:
        yield directory


@contextmanager
def scratch(parent: Path, name: str) -> Iterator[Path]:
    """A directory for temporary files; removed at the end. Nothing in it is meant for `parent`.

    It is in `parent`. If that belongs to another user or cannot be written, it is in the system's directory
    for temporary files.
    """
    if _is_writable(parent):
        with hidden(parent, name) as directory:
            yield directory
    else:
        # No sweep: other users may have put anything there under our names.
        with _locked(Path(tempfile.gettempdir()), name) as directory:
            yield directory


@contextmanager
def _locked(parent: Path, name: str) -> Iterator[Path]:
    while True:
        directory = Path(tempfile.mkdtemp(prefix=new_prefix(name), dir=parent))
        with locks.directory(directory) as is_held:
            if not is_held:  # another process took it for abandoned before it was locked
                continue
            try:
                yield directory
            finally:
                if os.path.lexists(directory):
                    remove_tree(directory)
            return


def sweep(parent: Path, name: str) -> None:
    """Remove what killed processes left of building `name` in a directory."""
    for path in sorted(parent.glob(f"{glob.escape(new_prefix(name))}*")):
        remove_abandoned(path)


def find_abandoned(parent: Path) -> list[Path]:
    """Return the directories that killed processes left in a directory, by path."""
    abandoned = []
    for path in sorted(parent.glob(f".*{NEW}-*")):
        with locks.directory(path) as is_free:
            abandoned += [path] if is_free else []
    return abandoned


def remove_abandoned(path: Path) -> None:
    """Remove a directory unless another process holds it."""
    with locks.directory(path) as is_free:
        if is_free:
            remove_tree(path)


def _is_writable(directory: Path) -> bool:
    """Whether a directory is ours, exists or can be made, and can be written."""
    if not is_ours(directory):
        return False
    try:
        make_directory(directory)
    except OSError:
        return False
    return os.access(directory, os.W_OK)


def measure_size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a directory."""
    if path.is_dir() and not path.is_symlink():
        return sum(file.lstat().st_size for file in path.rglob("*") if not file.is_dir() or file.is_symlink())
    return path.lstat().st_size


def remove_tree(directory: Path) -> None:
    """Delete a directory of ours, read-only files and directories included. Of a link, only the link."""
    if directory.is_symlink():
        directory.unlink()
        return
    try:
        for folder, _, _ in os.walk(directory):
            Path(folder).chmod(0o700)
        shutil.rmtree(directory, ignore_errors=True)
    except RecursionError:
        with suppress(OSError):
            _remove_deep(directory)


def _remove_deep(top: Path) -> None:
    """Delete a directory whose directories are nested deeper than Python recurses, and longer than a path.

    So each directory is moved to the top before what is in it is looked at.
    """
    pending, number = [top], 0
    while pending:
        folder = pending.pop()
        folder.chmod(0o700)
        for path in list(folder.iterdir()):
            if path.is_dir() and not path.is_symlink():
                while os.path.lexists(moved := top.with_name(f"{top.name}{number}")):
                    number += 1
                path.chmod(0o700)
                pending.append(path.rename(moved))
            else:
                path.unlink()
        folder.rmdir()
