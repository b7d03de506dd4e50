"""Kill -9 at any instant: what is not in test_crash, which has the large writes, or with what it is about."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import combinations
from tests.support.deeds import DEEDS
from tests.support.kills import Deed, kill_often, names, scene


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("template") / "scene"


@combinations.sample(3)
@pytest.mark.parametrize("deed", DEEDS, ids=names(DEEDS))
def test_at_random_instants(
    request: pytest.FixtureRequest, template: Path, tmp_path: Path, deed: Deed
) -> None:
    if not template.exists():
        scene(template)
    kill_often(deed, template, tmp_path, max(1, request.config.getoption("--kills") // 3))
