"""Writing files that survive a crash, and that nobody sees half-written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from gitstore.disk.hidden_names import new_path

TEMPORARY = "gitstore-tmp-"
"""How the names of files begin whose final name is not known yet.

Not `tmp_`: a `git gc --prune=now` at the same time would delete such files.
"""

_AT_ONCE = 16


@contextmanager
def durable_file(directory: Path, content: bytes, *, suffix: str) -> Iterator[Path]:
    """A synced file with this content in `directory`, removed at the end unless the block renames it."""
    descriptor, name = tempfile.mkstemp(prefix=f"{TEMPORARY}{suffix}-", dir=directory)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fchmod(descriptor, 0o444)
            os.fsync(descriptor)
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def replace_file(path: Path, content: bytes, *, mode: int | None = None) -> None:
    """Replace `path` atomically, or create it; durable on return.

    The content is first written to `new_path(path)`. What a kill leaves there, the next call overwrites.
    Without a `mode`, the file has that of any new file.
    """
    scratch = new_path(path)
    try:
        with scratch.open("wb") as file:
            file.write(content)
            file.flush()
            if mode is not None:
                os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)
    sync_directory(path.parent)


def sync_file(path: Path) -> None:
    """Make the content of a file, or the names in a directory, durable, fsync(2)."""
    _sync(path, os.O_RDONLY)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    _sync(directory, os.O_RDONLY | os.O_DIRECTORY)


def sync_tree(directory: Path) -> None:
    """Make a directory durable, with everything in it.

    Several files are synced at a time: a file system with a journal writes it once for all of them.
    """
    from concurrent.futures import ThreadPoolExecutor

    paths = _list_tree(directory)
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        while batch := list(islice(paths, _AT_ONCE * 64)):
            for _ in pool.map(sync_file, batch):
                pass


def _list_tree(directory: Path) -> Iterator[Path]:
    """Yield a directory and everything in it, except for links."""
    for folder, _, names in os.walk(directory):
        yield from (path for name in names if not (path := Path(folder, name)).is_symlink())
        yield Path(folder)


def sync_file_system(directory: Path) -> None:
    """Make a directory durable, with everything in it and in the rest of its file system, syncfs(2).

    For thousands of files, this is far faster than to sync each of them.
    """
    import ctypes

    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.syncfs(descriptor) != 0:
            error = ctypes.get_errno()
            raise OSError(error, os.strerror(error), str(directory))
    except AttributeError:  # not on Linux
        sync_tree(directory)
    finally:
        os.close(descriptor)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
