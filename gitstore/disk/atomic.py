"""Files whose content and name survive a crash, and which nobody sees half-written."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = "gitstore-tmp-"
"""How files begin until they have their name. `git gc --prune=now` beside us would delete `tmp_*`."""


@contextmanager
def durable_file(directory: Path, content: bytes, *, suffix: str) -> Iterator[Path]:
    """A file in `directory` with this content, synced; it goes with the block unless that renames it."""
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


def replace_file(path: Path, content: bytes, *, scratch: Path, mode: int | None = None) -> None:
    """Let a new file take a place at one instant, whatever is there; durable on return.

    It is written as `scratch`, in the same directory: what a kill leaves of it, the next call writes over.
    Without a `mode` it has that of any new file.
    """
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
    """Make the content of a file durable."""
    _sync(path, os.O_RDONLY)


def sync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    _sync(directory, os.O_RDONLY | os.O_DIRECTORY)


def sync_tree(directory: Path) -> None:
    """Make a directory durable, with all that is in it."""
    for folder, _, names in os.walk(directory):
        for path in (Path(folder, name) for name in names):
            if not path.is_symlink():
                sync_file(path)
        sync_directory(Path(folder))


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
