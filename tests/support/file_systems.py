"""Directories on a disk, in memory, or on another file system than that of the tests.

The tests as a whole belong on a disk: in memory, no stat cache is used, and mapped weights count as memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

MEMORY, DISK = Path("/dev/shm"), Path("/var/tmp")


@contextmanager
def directory_in(place: Path) -> Iterator[Path]:
    """Make a new directory below `place` while the block runs."""
    with TemporaryDirectory(dir=place, prefix="gitstore-test-") as directory:
        yield Path(directory)


@contextmanager
def directory_elsewhere(path: Path) -> Iterator[Path]:
    """Make a new directory on another file system than that of `path`, which exists."""
    device = path.stat().st_dev
    others = [place for place in (MEMORY, DISK) if place.is_dir() and place.stat().st_dev != device]
    if not others:
        pytest.skip(f"{MEMORY} and {DISK} are on the file system of the tests")
    with directory_in(others[0]) as directory:
        yield directory
