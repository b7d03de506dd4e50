"""digits, its snapshots, and dogs that is based on it. A module may have dogs of another kind."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from tests.support import scenes


@pytest.fixture
def v1(tmp_path: Path) -> Snapshot:
    """digits@v1."""
    return scenes.snapshot(tmp_path)


@pytest.fixture
def dogs(tmp_path: Path) -> Model:
    """dogs, based on digits@v1, in `tmp_path`/dogs. There is a digits@v2, too."""
    return scenes.behind(tmp_path)


@pytest.fixture
def base(dogs: Model) -> Model:
    """digits, which dogs is based on."""
    return Model.open(dogs.directory.with_name("digits"))


@pytest.fixture
def v2(dogs: Model) -> Snapshot:
    """Another snapshot of digits, with one file more and one changed."""
    return scenes.find(dogs.directory.parent, "v2")
