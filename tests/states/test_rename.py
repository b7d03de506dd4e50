"""A state under another name: ref, directory and the active state stay together, whatever comes between."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gitstore.bigfiles import scan
from gitstore.disk import locks
from gitstore.errors import GitstoreError, InvalidName, Locked, NoSuchState, StateExists
from gitstore.git.refs import RefChanged, Refs
from gitstore.git.repository import Repository
from gitstore.models import active_state, state
from gitstore.models.model import Model
from gitstore.states.rename import rename
from gitstore.states.save import save_files, save_state
from tests.support import scenes
from tests.support.commands import Fsck, Git, Run
from tests.support.failing import refuses
from tests.support.models import make, picture, put, refs, take


def call(model: Model, old: str, new: str) -> None:
    """Rename as a fresh process would."""
    rename(Model.open(model.directory), old, new)


@pytest.fixture
def saved(tmp_path: Path) -> Model:
    """The model with its state `initial` saved."""
    scenes.copy(_saved, tmp_path)
    return Model.open(tmp_path / "digits")


def _saved(root: Path) -> None:
    save_state(make(root / "digits"), "initial")


class TestRenaming:
    def test_moves_ref_directory_and_the_active_state(self, saved: Model, fsck: Fsck) -> None:
        before = refs(saved.directory)["refs/states/initial"]
        put(saved, "initial", {"weights": b"modified"})
        call(saved, "initial", "best-größe")
        after = refs(saved.directory)
        assert "refs/states/initial" not in after
        assert after["refs/states/best-größe"] == before
        assert os.listdir(saved.claim_states()) == ["best-größe"]
        assert (saved.claim_states() / "best-größe" / "weights").read_bytes() == b"modified"
        assert saved.active_state == "best-größe"
        fsck(saved.directory)

    def test_of_one_that_is_not_active(self, saved: Model, fsck: Fsck) -> None:
        put(saved, "other", {"w": b"w"})
        save_state(saved, "other")
        call(saved, "other", "another")
        assert saved.active_state == "initial"
        assert state.list_names(saved) == ["another", "initial"]
        fsck(saved.directory)

    def test_of_one_that_is_only_on_disk_or_only_saved(self, saved: Model) -> None:
        put(saved, "disk", {"w": b"w"})
        call(saved, "disk", "there")
        assert (saved.claim_states() / "there" / "w").read_bytes() == b"w"
        shutil.rmtree(saved.claim_states() / "initial")
        call(saved, "initial", "kept")
        assert state.list_names(saved) == ["kept", "there"]
        assert os.listdir(saved.claim_states()) == ["there"]

    def test_of_the_active_one_before_it_is_saved(self, model: Model) -> None:
        call(model, "initial", "best")
        assert (os.listdir(model.claim_states()), model.active_state) == (["best"], "best")

    def test_over_an_empty_directory(self, saved: Model) -> None:
        (saved.claim_states() / "new").mkdir()
        call(saved, "initial", "new")
        assert os.listdir(saved.claim_states()) == ["new"]

    def test_a_snapshot_after_it_has_the_same_state(self, saved: Model) -> None:
        first = take(saved, "v1")
        call(saved, "initial", "best")
        second = take(saved, "v2")
        assert (second.state_tree, second.tag.trailers["State"]) == (first.state_tree, "best")

    def test_of_a_derived_model(self, tmp_path: Path, fsck: Fsck) -> None:
        dogs, saved = scenes.derived(tmp_path), Model.open(tmp_path / "digits")
        save_state(saved, "initial")
        call(dogs, "initial", "best")
        found = refs(saved.directory)
        assert {"refs/states/dogs/best", "refs/states/initial"} <= found.keys()
        assert (dogs.active_state, saved.active_state) == ("best", "initial")
        fsck(saved.directory)

    def test_in_a_bare_repository(self, saved: Model, tmp_path: Path, git: Git, fsck: Fsck) -> None:
        git("clone", "--quiet", "--mirror", str(saved.directory), str(tmp_path / "b.git"), cwd=tmp_path)
        bare = Model.open(tmp_path / "b.git")
        call(bare, "initial", "best")
        assert (state.list_names(bare), bare.active_state) == (["best"], "best")
        fsck(bare.directory)


class TestWhatCannotBeRenamed:
    def test_changes_nothing(self, tmp_path: Path) -> None:
        scenes.derived(tmp_path)
        saved = Model.open(tmp_path / "digits")
        save_state(saved, "initial")
        path = put(saved, "other", {"w": b"w"})
        save_state(saved, "other")
        shutil.rmtree(path)
        put(saved, "disk", {"w": b"d"})
        before, named = picture(saved.directory), refs(saved.directory)
        for old, new, kind in (
            ("none", "new", NoSuchState),
            ("initial", "initial", GitstoreError),
            ("initial", "other", StateExists),
            ("initial", "disk", StateExists),
            ("disk", "other", StateExists),
            ("initial", "HEAD", InvalidName),
            ("initial", "dogs", GitstoreError),
        ):
            with refuses(old if kind is NoSuchState else new, kind=kind):
                call(saved, old, new)
            assert (picture(saved.directory), refs(saved.directory)) == (before, named)

    def test_while_another_command_is_at_it(self, saved: Model) -> None:
        with (
            locks.state_names(saved.repository.private),
            refuses("states", kind=Locked),
        ):
            call(saved, "initial", "best")


@pytest.mark.parametrize(
    ("is_saved", "after"), [*((True, after) for after in range(4)), *((False, after) for after in range(2))]
)
def test_killed_after_any_step_a_repeat_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsck: Fsck, *, is_saved: bool, after: int
) -> None:
    """The steps: the new ref, the choice, the directory, the old ref; without the refs if it is not saved."""
    if is_saved:
        scenes.copy(_saved, tmp_path)
    else:
        make(tmp_path / "digits")
    saved = Model.open(tmp_path / "digits")
    steps = 0

    class Killed(BaseException):
        pass

    def counted(do: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            nonlocal steps
            if steps == after:
                raise Killed
            steps += 1
            return do(*arguments, **options)

        return step

    put(saved, "initial", {"weights": b"unsaved"})
    oid = saved.repository.refs.get("refs/states/initial")
    model = Model.open(saved.directory)
    with monkeypatch.context() as patch:
        patch.setattr(Refs, "change", counted(Refs.change))
        patch.setattr(active_state, "choose", counted(active_state.choose))
        patch.setattr(Path, "rename", counted(Path.rename))
        with pytest.raises(Killed):
            rename(model, "initial", "best")
    fsck(saved.directory)
    assert saved.active_state in state.list_names(saved) or (not is_saved and saved.active_state == "best")
    assert b"unsaved" in [path.read_bytes() for path in saved.claim_states().glob("*/weights")]
    call(saved, "initial", "best")
    assert state.list_names(saved) == ["best"]
    assert (saved.claim_states() / "best" / "weights").read_bytes() == b"unsaved"
    assert saved.repository.refs.get("refs/states/best") == oid
    assert saved.active_state == "best"
    fsck(saved.directory)


def test_what_is_saved_meanwhile_is_not_lost(saved: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    choose = active_state.choose

    def meanwhile(repository: Repository, prefix: str, name: str) -> None:
        path = put(saved, "initial", {"weights": b"late"})
        save_files(saved, "initial", scan.scan_directory(path))  # as in a working copy of its own
        choose(repository, prefix, name)

    monkeypatch.setattr(active_state, "choose", meanwhile)
    with refuses("refs/states/initial", kind=RefChanged):
        call(saved, "initial", "best")
    assert state.list_names(saved) == ["best", "initial"]


def test_the_command(saved: Model, run: Run) -> None:
    here = saved.directory / "code"
    renaming = ("state", "rename", "initial", "best")
    assert run(*renaming, cwd=here).code == 0
    assert state.list_names(Model.open(saved.directory)) == ["best"]
    assert run(*renaming, cwd=here).code == 1
    assert run("state", "rename", "best", cwd=here).code == 2
