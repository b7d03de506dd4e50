"""Which states there are, and where each of them is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.errors import GitstoreError, NoSuchState
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.models.state import State
from gitstore.states.materialize import materialize
from gitstore.states.save import save_state
from tests.support import scenes
from tests.support.commands import Git
from tests.support.models import put, take


def states(model: Model) -> dict[str, State]:
    return {each.name: each for each in state.list_states(Model.open(model.directory))}


class TestListing:
    def test_says_where_each_is(self, model: Model) -> None:
        for name in ("both", "modified", "saved"):
            save_state(model, put(model, name, {"w": name.encode()}).name)
        put(model, "modified", {"w": b"changed!!"})
        (model.directory / "states" / "saved" / "w").unlink()
        (model.directory / "states" / "saved").rmdir()
        found = states(model)
        assert {
            name: (each.tree is not None, each.on_disk, each.is_modified, each.size, each.is_active)
            for name, each in found.items()
        } == {
            "both": (True, True, False, 4, False),
            "initial": (False, True, False, 8, True),
            "modified": (True, True, True, 9, False),
            "saved": (True, False, False, 5, False),
        }

    def test_an_empty_directory_hides_no_saved_state(self, model: Model) -> None:
        save_state(model, "initial")
        (model.directory / "states" / "initial" / "weights").unlink()
        (model.directory / "states" / "initial" / "deep" / "er").mkdir(parents=True)
        found = states(model)["initial"]
        assert (found.on_disk, found.is_modified, found.size) == (False, False, 8)
        assert take(model, "v1").state_tree == found.tree

    def test_a_directory_that_no_state_can_be_called_is_none(self, model: Model) -> None:
        for name in ("my weights", "HEAD", ".hidden", "x.lock"):
            put(model, name, {"w": b"w"})
        (model.directory / "states" / "a file").touch()
        assert state.list_names(model) == ["initial"]

    def test_a_removed_file_and_an_added_one_are_modifications(self, model: Model) -> None:
        put(model, "initial", {"a": b"a"})
        save_state(model, "initial")
        assert not states(model)["initial"].is_modified
        (model.directory / "states" / "initial" / "a").unlink()
        assert states(model)["initial"].is_modified
        put(model, "initial", {"a": b"a", "b": b"b"})
        assert states(model)["initial"].is_modified

    def test_of_a_derived_model_its_own_only(self, tmp_path: Path) -> None:
        dogs, model = scenes.derived(tmp_path), Model.open(tmp_path / "digits")
        save_state(model, "initial")
        put(dogs, "special", {"w": b"w"})
        save_state(dogs, "special")
        assert state.list_names(model) == ["initial"]
        assert state.list_names(dogs) == ["initial", "special"]

    def test_many_take_no_longer_for_each_than_few(
        self, model: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """states/ is listed, and the stat cache read, as often for forty as for one."""
        calls: list[str] = []
        listdir, read = os.listdir, Path.read_bytes

        def listed(path: Path) -> list[str]:
            calls.append(Path(path).name)
            return listdir(path)

        def was_read(path: Path) -> bytes:
            calls.append(path.name)
            return read(path)

        monkeypatch.setattr(os, "listdir", listed)
        monkeypatch.setattr(Path, "read_bytes", was_read)
        counts = []
        for number in (1, 40):
            for each in range(number):
                put(model, f"s{each}", {"w": b"w"})
            calls.clear()
            assert len(states(model)) == number + 1
            counts.append((calls.count("states"), calls.count("stat-cache")))
        assert counts[0] == counts[1]

    def test_of_a_bare_repository_the_saved_ones(self, model: Model, git: Git, tmp_path: Path) -> None:
        save_state(model, "initial")
        git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
        bare = Model.open(tmp_path / "b.git")
        (found,) = state.list_states(bare)
        assert (found.name, found.on_disk, found.size, found.is_active) == ("initial", False, 8, True)
        with pytest.raises(NoSuchState):
            save_state(bare, "initial")
        with pytest.raises(GitstoreError) as other:
            materialize(bare, "initial")
        assert type(other.value) is GitstoreError
