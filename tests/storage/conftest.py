"""A repository with two snapshots. A module may have another one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import scenes
from tests.support.models import make, noise, put, take


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """digits with v1, which has 20 kB, and v2 with 30 kB more."""
    scenes.copy(_two_snapshots, tmp_path)
    return tmp_path / "digits"


def _two_snapshots(root: Path) -> None:
    model = make(root / "digits")
    put(model, "initial", {"base": noise(20_000)})
    take(model, "v1")
    put(model, "initial", {"more": noise(30_000, 1)})
    take(model, "v2")
