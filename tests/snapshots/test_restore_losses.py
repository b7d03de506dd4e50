"""What bringing a working copy back would lose, and that a restore that is killed loses nothing."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest

from gitstore.errors import FileChanged
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.snapshots import restore
from gitstore.snapshots.restore import Component
from gitstore.states.materialize import fill_state
from gitstore.states.save import save_state
from gitstore.workingcopy import state as working_state
from gitstore.workingcopy.code import CodeChange
from gitstore.workingcopy.unsaved import WouldLose
from tests.support import restoring
from tests.support.commands import Fsck, Git, Gitstore
from tests.support.failing import refuses
from tests.support.models import noise, picture, put, take
from tests.support.processes import kill, start
from tests.support.restoring import bring_back, names, trees


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A model with two snapshots."""
    return restoring.two(tmp_path)


class TestWhatWouldBeLost:
    def test_is_named_and_counted(self, two: Path) -> None:
        before = picture(two)
        for number in range(6):
            (two / "code" / f"note-{number}.txt").write_text(f"{number}")
        (two / "states" / "initial" / "weights").write_bytes(b"unsaved")
        (two / "settings.yaml").write_text((two / "settings.yaml").read_text() + "# mine\n")
        edited = picture(two)
        with refuses(
            "v1",
            "8",
            "states/initial/weights",
            "code/note-0.txt",
            "code/note-1.txt",
            "code/note-2.txt",
            "code/note-3.txt",
            "3",
            kind=WouldLose,
        ):
            bring_back(two, "v1")
        assert picture(two) == edited != before

    def test_is_overwritten_with_force(self, two: Path) -> None:
        (two / "code" / "note.txt").write_text("note")
        (two / "states" / "initial" / "weights").write_bytes(b"unsaved")
        done = bring_back(two, "v1", force=True)
        assert names(done.lost) == ["states/initial/weights", "code/note.txt"]
        assert trees(take(Model.open(two), "again")) == trees(reference.resolve("v1", two))

    @pytest.mark.parametrize("part", list(Component))
    def test_is_only_what_the_part_would_overwrite(self, two: Path, part: Component) -> None:
        touched = {
            Component.CODE: two / "code" / "model.py",
            Component.STATE: two / "states" / "initial" / "weights",
            Component.SETTINGS: two / "packages.lock",
        }
        for other, path in touched.items():
            if other is not part:
                path.write_text("mine\n")
        bring_back(two, "v1", part)
        touched[part].write_text("mine\n")
        with pytest.raises(WouldLose) as caught:
            bring_back(two, "v1", part)
        assert names(caught.value.paths) == [str(touched[part].relative_to(two))]

    def test_is_nothing_that_the_snapshot_has_too(self, two: Path) -> None:
        """What a restore that was killed has done already does not stop its repeat."""
        bring_back(two, "v1", Component.CODE)
        (two / "settings.yaml").write_bytes(reference.resolve("v1", two).settings_content)
        bring_back(two, "v1")

    def test_is_nothing_that_a_saved_state_holds(self, two: Path) -> None:
        model = Model.open(two)
        put(model, "initial", {"weights": b"third"})
        with pytest.raises(WouldLose):
            bring_back(two, "v1")
        save_state(model, "initial")
        bring_back(two, "v1")

    def test_is_not_what_was_deleted(self, two: Path) -> None:
        (two / "states" / "initial" / "weights").unlink()
        (two / "code" / "model.py").unlink()
        (two / "settings.yaml").unlink()
        bring_back(two, "v1")
        assert trees(take(Model.open(two), "again")) == trees(reference.resolve("v1", two))

    def test_staged_is_not_committed(self, two: Path, git: Git) -> None:
        (two / "code" / "model.py").write_text("staged\n")
        git("add", "code/model.py", cwd=two)
        with refuses("code/model.py", kind=WouldLose):
            bring_back(two, "v1")

    def test_a_change_while_it_works_is_noticed(self, two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fill = fill_state

        def meanwhile(*arguments: object, **options: object) -> None:
            fill(*arguments, **options)  # type: ignore[arg-type]
            (two / "states" / "initial" / "weights").write_bytes(b"trained on")

        monkeypatch.setattr(restore, "fill_state", meanwhile)
        with refuses(two / "states" / "initial" / "weights", kind=FileChanged):
            bring_back(two, "v1")
        assert (two / "states" / "initial" / "weights").read_bytes() == b"trained on"
        assert os.listdir(two / "states") == ["initial"]
        assert not list(two.glob(".gitstore-*"))

    @pytest.mark.parametrize("name", ["model.py", "extra.py", "gone.py"])
    def test_an_edit_at_the_last_instant_is_not_lost(
        self, two: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        """Of a file that is replaced, one that is removed, and one that is in no place yet."""
        (two / "code" / "gone.py").write_text("in the snapshot\n")
        take(Model.open(two), "v3")
        (two / "code" / "gone.py").unlink()
        (two / "code" / "extra.py").write_text("no longer\n")
        (two / "code" / "model.py").write_text("another\n")
        take(Model.open(two), "v4")
        put_code = CodeChange.apply

        def edited(*arguments: Any) -> None:
            (two / "code" / name).write_text("my edit\n")
            put_code(*arguments)

        monkeypatch.setattr(CodeChange, "apply", edited)
        with refuses(name, kind=FileChanged):
            bring_back(two, "v3", Component.CODE)
        assert (two / "code" / name).read_text() == "my edit\n"
        assert not list(two.rglob("*~*"))

    def test_a_file_where_the_state_should_be(self, two: Path) -> None:
        directory = two / "states" / "initial"
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        directory.rmdir()
        directory.write_text("a file")
        with refuses(directory):
            bring_back(two, "v1", force=True)
        assert directory.read_text() == "a file"

    def test_a_state_that_is_a_link_to_elsewhere(self, two: Path, tmp_path: Path) -> None:
        (two / "states" / "initial").rename(tmp_path / "big disk")
        (two / "states" / "initial").symlink_to(tmp_path / "big disk")
        bring_back(two, "v1")
        assert (tmp_path / "big disk" / "weights").read_bytes() == b"second"
        assert trees(take(Model.open(two), "again")) == trees(reference.resolve("v1", two))


class TestWhatGitWasToldNotToLookAt:
    """git update-index --assume-unchanged, and --skip-worktree: an edit there is an edit all the same."""

    @pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
    def test_an_edit_is_not_lost_and_is_in_a_snapshot(self, two: Path, git: Git, mark: str) -> None:
        git("update-index", mark, "code/model.py", cwd=two)
        (two / "code" / "model.py").write_text("my edit\n")
        index = (two / ".git" / "index").read_bytes()
        with pytest.raises(WouldLose) as caught:
            bring_back(two, "v1", Component.CODE)
        assert names(caught.value.paths) == ["code/model.py"]
        edited = take(Model.open(two), "edited")
        assert git("show", "edited:code/model.py", cwd=two) == "my edit\n"
        assert names(bring_back(two, "v1").files) != []
        assert trees(take(Model.open(two), "again")) == trees(reference.resolve("v1", two))
        bring_back(two, "edited")
        assert (two / "code" / "model.py").read_text() == "my edit\n"
        assert (two / ".git" / "index").read_bytes() == index
        assert edited.code_tree != reference.resolve("v1", two).code_tree


class TestKilled:
    def test_at_any_instant_nothing_is_lost_and_a_repeat_finishes(
        self, request: pytest.FixtureRequest, model: Model, fsck: Fsck, gitstore: Gitstore
    ) -> None:
        here, kills = model.directory, request.config.getoption("--kills")
        content = noise(12_000_000)
        put(model, "initial", {"large": content})
        for number in range(30):
            (here / "code" / f"part-{number}.py").write_text(f"one {number}\n")
        sides = {"v1": trees(take(model, "v1"))}
        put(model, "initial", {"large": content[:-1] + b"!"})
        for number in range(30):
            (here / "code" / f"part-{number}.py").write_text(f"two {number}\n")
        sides["v2"] = trees(take(Model.open(here), "v2"))
        allowed = {f"{word} {number}\n" for word in ("one", "two") for number in range(30)}
        began = time.monotonic()
        assert gitstore("restore", "v1", cwd=here).code == 0
        duration = time.monotonic() - began
        for number in range(kills):
            goal = "v2" if number % 2 == 0 else "v1"
            process = start("restore", goal, cwd=here)
            time.sleep(duration * (0.3 + 0.7 * (number + 0.5) / kills))
            kill(process, group=True)
            for path in (here / "code").glob("part-*.py"):
                assert path.read_text() in allowed
            found = working_state.read(Model.open(here), "initial")
            assert found is not None
            assert found.tree in {side[1] for side in sides.values()}
            outcome = gitstore("restore", goal, cwd=here)
            assert outcome.code == 0, outcome.stderr
            assert trees(take(Model.open(here), f"after-{number}")) == sides[goal]
            assert os.listdir(here / "states") == ["initial"]
            assert not list(here.glob(".gitstore-*"))
        fsck(here)

    def test_an_old_state_that_had_moved_aside_comes_back(self, two: Path) -> None:
        """Where two directories cannot be exchanged at one instant, a crash may come between."""
        (two / "states" / "initial").rename(two / "states" / ".initial~old")
        (two / "states" / ".initial~new-x").mkdir()
        (two / "states" / ".initial~new-x" / "weights").write_bytes(b"half")
        with pytest.raises(WouldLose):
            (two / "states" / ".initial~old" / "weights").write_bytes(b"unsaved")
            bring_back(two, "v1")
        assert (two / "states" / "initial" / "weights").read_bytes() == b"unsaved"
        assert os.listdir(two / "states") == ["initial"]
