"""Writing files that survive a crash, and that nobody sees half-written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitstore.disk.hidden_names import new_path

TEMPORARY = "gitstore-tmp-"
"""How the names of files begin whose final name is not known yet.

Not `tmp_`: a `git gc --prune=now` at the same time would delete such files.
"""


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
    """Make the content of a file durable, fsync(2)."""
    _sync(path, os.O_RDONLY)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    _sync(directory, os.O_RDONLY | os.O_DIRECTORY)


def sync_tree(directory: Path) -> None:
    """Make a directory durable, with everything in it."""
    for folder, _, names in os.walk(directory):
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                sync_file(path)
        sync_directory(Path(folder))


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
