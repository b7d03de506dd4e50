"""Putting a saved state on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.bigfiles.parts import LARGE
from gitstore.errors import GitstoreError
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.models.state import State
from gitstore.objects.database import BrokenObject
from gitstore.states.materialize import materialize
from gitstore.states.save import save_state
from tests.support.commands import Git
from tests.support.models import noise, picture, put, take


def states(model: Model) -> dict[str, State]:
    return {each.name: each for each in state.list_states(Model.open(model.directory))}


class TestWritingOut:
    def test_of_a_state_that_is_not_there(self, model: Model) -> None:
        save_state(model, "initial")
        before = picture(model.directory)
        for name in ("none", "HEAD", "a/b"):
            with pytest.raises(GitstoreError):
                materialize(model, name)
        assert picture(model.directory) == before

    def test_what_is_on_disk_stays(self, model: Model) -> None:
        save_state(model, "initial")
        path = put(model, "initial", {"weights": b"unsaved"})
        assert materialize(model, "initial") == path
        assert (path / "weights").read_bytes() == b"unsaved"

    def test_what_is_not_is_written_and_known_without_reading(self, model: Model) -> None:
        content = noise(LARGE + 1)
        put(model, "initial", {"sub/large": content})
        save_state(model, "initial")
        model.claim_states().rename(model.directory / "elsewhere")
        path = materialize(Model.open(model.directory), "initial")
        assert (path / "sub" / "large").read_bytes() == content
        assert not states(model)["initial"].is_modified
        assert [entry.name for entry in path.parent.iterdir()] == ["initial"]

    def test_into_the_empty_directory_of_that_name(self, model: Model) -> None:
        save_state(model, "initial")
        (model.directory / "states" / "initial" / "weights").unlink()
        assert (materialize(model, "initial") / "weights").exists()

    def test_with_states_on_another_disk(self, model: Model, tmp_path: Path) -> None:
        (tmp_path / "big disk").mkdir()
        save_state(model, "initial")
        model.claim_states().rename(tmp_path / "old")
        model.claim_states().symlink_to(tmp_path / "big disk")
        materialize(model, "initial")
        assert (tmp_path / "big disk" / "initial" / "weights").read_bytes() == b"\0\1\2\3\4\5\6\7"
        assert not states(model)["initial"].is_modified
        assert take(model, "v1").name == "v1"

    def test_that_fails_leaves_nothing(self, model: Model, git: Git) -> None:
        put(model, "initial", {"other": noise(100_000)})
        save_state(model, "initial")
        model.claim_states().rename(model.directory / "elsewhere")
        (pack,) = (model.repository.common / "objects" / "pack").glob("*.pack")
        pack.chmod(0o644)
        with pack.open("r+b") as file:
            file.seek(50_000)
            file.write(b"damage")
        with pytest.raises(BrokenObject):
            materialize(Model.open(model.directory), "initial")
        assert not model.claim_states().exists()
