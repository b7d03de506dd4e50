"""Real models: evaluated where they were made, in models derived from them, and in clones with fresh caches.

`make test-real` fetches the packages once, and runs this without a network.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import real_models
from tests.support.commands import Fsck, Git
from tests.support.real_models import RealModel, gitstore

pytestmark = pytest.mark.only_with("--real")


class Place:
    """A real model in a directory of its own, and the outputs of its snapshots."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root = root
        self._patch = patch
        self._outputs = 0

    def take_fresh_caches(self, name: str) -> None:
        for variable, value in real_models.offline(self.root / name).items():
            self._patch.setenv(variable, value)

    def make(self, real: RealModel) -> None:
        self._input = real.make(self.root / "model")

    def evaluate(self, *ref: str, cwd: str) -> dict[str, bytes]:
        """The bytes of each output."""
        self._outputs += 1
        out = self.root / f"out-{self._outputs}"
        gitstore("evaluate", *ref, "-p", self._input, "--out", str(out), cwd=self.root / cwd)
        return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    place = Place(tmp_path, monkeypatch)
    place.take_fresh_caches("cache")
    return place


@pytest.mark.parametrize("real", real_models.MODELS, ids=lambda real: real.name)
def test_it_gives_the_same_bytes_wherever_it_is(real: RealModel, place: Place, git: Git, fsck: Fsck) -> None:
    place.make(real)
    outputs = place.evaluate("v1", cwd="model")
    assert real.is_good(place.root / "out-1")
    environments = json.loads(gitstore("env", "list", "--json", cwd=place.root / "model"))
    assert set(real.requirements) <= set(environments[0]["packages"])
    assert place.evaluate("v1", cwd="model") == outputs

    gitstore("derive", "v1", "linked", cwd=place.root / "model")
    gitstore("derive", "v1", "apart", "--reference", cwd=place.root / "model")
    for derived in ("linked", "apart"):
        assert place.evaluate(cwd=derived) == outputs
        gitstore("snapshot", "v2", cwd=place.root / derived)
        assert place.evaluate("v2", cwd=derived) == outputs

    for name in ("model", "apart"):
        git("clone", "--quiet", "--no-local", name, f"{name}-clone", cwd=place.root)
        fsck(place.root / f"{name}-clone")
        (place.root / name).rename(place.root / f"{name}-gone")
    place.take_fresh_caches("other-cache")
    assert place.evaluate("v1", cwd="model-clone") == outputs
    assert place.evaluate("linked@v2", cwd="model-clone") == outputs
    assert place.evaluate("v2", cwd="apart-clone") == outputs
    gitstore("verify", "--all", cwd=place.root / "model-clone")
