"""The models that `gitstore init` can start from: directories of plain files."""

from __future__ import annotations

from importlib import resources
from pathlib import Path


def list_names() -> list[str]:
    """The examples there are, sorted."""
    here = resources.files(__name__)
    return sorted(entry.name for entry in here.iterdir() if entry.is_dir() and entry.name[0] not in "_.")


def find_path(name: str) -> Path:
    """The directory of an example, one of `names`: its files are to be copied, not changed.

    An installer may have left `__pycache__` in it, which is no part of the example.
    """
    return Path(str(resources.files(__name__) / name))
