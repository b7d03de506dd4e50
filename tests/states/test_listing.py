"""Which states there are, where each of them is, and putting a saved one on disk."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.bigfiles.parts import LARGE
from gitstore.errors import GitstoreError, NoSuchState
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.models.state import State
from gitstore.states.materialize import materialize
from gitstore.states.save import save_state
from tests.support import scenes
from tests.support.commands import Git
from tests.support.models import noise, picture, put, take


def states(model: Model) -> dict[str, State]:
    return {each.name: each for each in state.each(Model.open(model.directory))}


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
        assert take(model, "v1").state == found.tree

    def test_a_directory_that_no_state_can_be_called_is_none(self, model: Model) -> None:
        for name in ("my weights", "HEAD", ".hidden", "x.lock"):
            put(model, name, {"w": b"w"})
        (model.directory / "states" / "a file").touch()
        assert state.names(model) == ["initial"]

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
        assert state.names(model) == ["initial"]
        assert state.names(dogs) == ["initial", "special"]

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
        (found,) = state.each(bare)
        assert (found.name, found.on_disk, found.size, found.is_active) == ("initial", False, 8, True)
        with pytest.raises(NoSuchState):
            save_state(bare, "initial")
        with pytest.raises(GitstoreError) as other:
            materialize(bare, "initial")
        assert type(other.value) is GitstoreError


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
        model.states.rename(model.directory / "elsewhere")
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
        model.states.rename(tmp_path / "old")
        model.states.symlink_to(tmp_path / "big disk")
        materialize(model, "initial")
        assert (tmp_path / "big disk" / "initial" / "weights").read_bytes() == b"\0\1\2\3\4\5\6\7"
        assert not states(model)["initial"].is_modified
        assert take(model, "v1").name == "v1"

    def test_that_fails_leaves_nothing(self, model: Model, git: Git) -> None:
        put(model, "initial", {"other": noise(100_000)})
        save_state(model, "initial")
        model.states.rename(model.directory / "elsewhere")
        (pack,) = (model.repository.common / "objects" / "pack").glob("*.pack")
        pack.chmod(0o644)
        with pack.open("r+b") as file:
            file.seek(50_000)
            file.write(b"damage")
        with pytest.raises(GitstoreError, match=r"^object [0-9a-f]{40} is corrupt: "):
            materialize(Model.open(model.directory), "initial")
        assert not model.states.exists()
