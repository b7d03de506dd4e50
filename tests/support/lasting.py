"""Directories that a test process keeps to its end. Test processes of pytest-xdist end without Python's own
cleaning up."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

_directories: list[TemporaryDirectory[str]] = []


def make_directory(name: str) -> Path:
    """Make a directory with `name` in its own name."""
    directory = TemporaryDirectory(prefix=f"gitstore-{name}-", ignore_cleanup_errors=True)
    _directories.append(directory)
    return Path(directory.name).resolve()


def remove_directories() -> None:
    """Remove all of them."""
    while _directories:
        _directories.pop().cleanup()
