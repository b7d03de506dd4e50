"""A repository with code that is committed, and that is no model."""

from __future__ import annotations

from pathlib import Path

from gitstore.git.repository import Repository
from tests.support import scenes
from tests.support.files import commit


def repository(root: Path) -> Repository:
    """`root`/repository with code/model.py, code/lib/a.py and `other`."""
    scenes.copy(_commit, root)
    return Repository.discover(root / "repository")


def _commit(root: Path) -> None:
    commit(
        Repository.create(root / "repository"),
        {b"code": {b"model.py": b"old", b"lib": {b"a.py": b"a"}}, b"other": b"x"},
    )
