"""What a derived model hears of newer snapshots of its base."""

from __future__ import annotations

import shutil
from pathlib import Path

from gitstore.derive.detach import detach
from gitstore.models.model import Model
from gitstore.models.newer import find_newer
from tests.support import scenes
from tests.support.models import again, take


def names(model: Model) -> list[str]:
    return [snapshot.name for snapshot in find_newer(again(model))]


def test_the_snapshots_after_the_base(tmp_path: Path) -> None:
    dogs, digits = scenes.derived(tmp_path, "v1", "v2"), Model.open(tmp_path / "digits")
    assert names(dogs) == []
    take(digits, "v3")
    take(dogs, "v9")
    assert names(dogs) == ["v3"]
    assert names(digits) == []


def test_a_base_in_another_repository(tmp_path: Path) -> None:
    dogs, digits = scenes.referencing(tmp_path), Model.open(tmp_path / "digits")
    take(digits, "v2")
    assert names(dogs) == ["v2"]
    shutil.rmtree(digits.directory)
    assert names(dogs) == []


def test_a_model_with_code_of_its_own(tmp_path: Path) -> None:
    dogs = scenes.derived(tmp_path)
    take(Model.open(tmp_path / "digits"), "v2")
    detach(again(dogs))
    assert names(dogs) == []
