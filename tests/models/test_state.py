from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.bigfiles.parts import LARGE
from gitstore.bigfiles.scan import scan_directory
from gitstore.derive import worktree
from gitstore.derive.first_state import ABSENT, COPIED, FirstState
from gitstore.errors import GitstoreError, InvalidName, Locked, NoSuchState, StateExists
from gitstore.git.refs import RefChanged
from gitstore.models.model import Model
from gitstore.states.save import save_new, save_state
from gitstore.states.use import use_state
from tests.support import scenes
from tests.support.commands import Fsck, Git
from tests.support.failing import names, refuses
from tests.support.models import noise, picture, put, refs


class TestTheActiveState:
    def test_must_be_there(self, model: Model) -> None:
        before = refs(model.directory)
        for name, message, hint in (
            ("none", "there is no state none", "gitstore state list shows the states"),
            (
                "HEAD",
                "'HEAD' cannot be the name of a state: it is a name that git reserves",
                "choose another name",
            ),
            (
                "dogs/initial",
                "'dogs/initial' cannot be the name of a state: it contains '/'",
                "choose another name",
            ),
            (
                "../heads/main",
                "'../heads/main' cannot be the name of a state: it contains '/'",
                "choose another name",
            ),
        ):
            with pytest.raises(GitstoreError) as caught:
                use_state(model, name)
            assert (caught.value.message, caught.value.hint) == (message, hint)
        assert refs(model.directory) == before

    def test_is_initial_at_first(self, model: Model) -> None:
        assert model.active_state == "initial"

    def test_stays_when_another_is_saved(self, model: Model) -> None:
        put(model, "other", {"w": b"w"})
        save_state(model, "other")
        assert model.active_state == "initial"

    @pytest.mark.parametrize("is_saved", [True, False])
    def test_moves_without_touching_a_file_or_a_ref(self, model: Model, *, is_saved: bool) -> None:
        put(model, "other", {"w": b"w"})
        if is_saved:
            save_state(model, "other")
        before = picture(model.directory), refs(model.directory)
        use_state(model, "other")
        assert Model.open(model.directory).active_state == "other"
        assert (picture(model.directory), refs(model.directory)) == before

    @pytest.mark.parametrize("place", ["on disk", "nowhere"])
    def test_may_be_the_first_one_unsaved(self, model: Model, place: str) -> None:
        """As after the first training, from a state that nobody saved."""
        put(model, "other", {"w": b"w"})
        save_state(model, "other")
        use_state(model, "other")
        if place == "nowhere":
            (model.claim_states() / "initial" / "weights").unlink()
        use_state(model, "initial")
        assert Model.open(model.directory).active_state == "initial"
        use_state(model, "other")
        assert model.active_state == "other"


class TestSaving:
    def test_needs_a_name_and_files(self, model: Model) -> None:
        before = refs(model.directory)
        for name, kind in {
            "nowhere": NoSuchState,
            "a b": InvalidName,
            "..": InvalidName,
            "Head": InvalidName,
        }.items():
            with refuses(name, kind=kind):
                save_state(model, name)
        assert refs(model.directory) == before

    def test_what_no_state_can_hold(self, model: Model, git: Git) -> None:
        odd: list[tuple[Callable[[Path], object], str, str]] = [
            (lambda path: path.symlink_to("gone"), "odd", "gone"),
            (os.mkfifo, "odd", "named pipe"),
            (lambda path: path.symlink_to("."), "odd", "leads back"),
            (Path.mkdir, ".GIT", "'.GIT'"),
            (Path.mkdir, "weights.parts", ".parts"),
            (Path.mkdir, ".gitmodules", "'.gitmodules'"),
            (lambda path: git("init", "-q", cwd=path.parent), ".git", "'.git'"),
        ]
        for make_it, name, reason in odd:
            path = model.claim_states() / "initial" / name
            make_it(path)
            with refuses(path, reason):
                save_state(model, "initial")
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        assert "refs/states/initial" not in refs(model.directory)

    @pytest.mark.parametrize("first", [COPIED, ABSENT])
    def test_under_the_name_of_a_derived_model_is_refused(self, tmp_path: Path, first: FirstState) -> None:
        worktree.derive(scenes.snapshot(tmp_path), "dogs", tmp_path / "dogs", state=first)
        model = Model.open(tmp_path / "digits")
        put(model, "dogs", {"w": b"w"})
        with pytest.raises(GitstoreError) as caught:
            save_state(model, "dogs")
        assert names(caught.value, "dogs")

    def test_makes_a_commit_without_parents_of_the_files(self, model: Model, git: Git, fsck: Fsck) -> None:
        put(model, "initial", {"sub/größe 1": b"s", "large": noise(LARGE + 1)})
        saved = save_state(model, "initial")
        here = model.directory
        assert git("rev-parse", "refs/states/initial^@", cwd=here) == ""
        assert git("rev-parse", "refs/states/initial^{tree}", cwd=here).strip() == str(saved.tree)
        assert git("log", "-1", "--format=%s%n%an", "refs/states/initial", cwd=here) == (
            "State initial of digits\nAda Lovelace\n"
        )
        assert (saved.size, saved.was_saved) == (LARGE + 10, False)
        fsck(here)

    def test_again_changes_nothing(self, model: Model) -> None:
        first = save_state(model, "initial")
        before = refs(model.directory)
        again = save_state(Model.open(model.directory), "initial")
        assert (again.was_saved, again.pack, again.tree, again.size) == (True, None, first.tree, 8)
        assert refs(model.directory) == before

    def test_replaces_what_was_saved(self, model: Model, git: Git, fsck: Fsck) -> None:
        save_state(model, "initial")
        put(model, "initial", {"weights": b"new"})
        save_state(Model.open(model.directory), "initial")
        assert git("show", "refs/states/initial:weights", cwd=model.directory) == "new"
        assert git("rev-parse", "refs/states/initial^@", cwd=model.directory) == ""
        fsck(model.directory)

    def test_a_modification_of_the_same_size_and_time_is_seen(self, model: Model, git: Git) -> None:
        path = put(model, "initial", {"weights": b"first"}) / "weights"
        save_state(model, "initial")
        times = path.stat()
        path.write_bytes(b"other")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert not save_state(Model.open(model.directory), "initial").was_saved
        assert git("show", "refs/states/initial:weights", cwd=model.directory) == "other"

    def test_while_another_command_saves_it_too(self, model: Model, git: Git) -> None:
        def hurry(_: int) -> None:
            git("update-ref", "refs/states/initial", "HEAD", cwd=model.directory)

        with pytest.raises(RefChanged) as caught:
            save_state(model, "initial", progress=hurry)
        assert names(caught.value, "refs/states/initial")
        assert "again" in (caught.value.hint or "")

    def test_while_its_ref_is_locked(self, model: Model) -> None:
        save_state(model, "initial")
        put(model, "initial", {"weights": b"new"})
        lock = model.directory / ".git" / "refs" / "states" / "initial.lock"
        lock.touch()
        with pytest.raises(Locked):
            save_state(model, "initial")
        lock.unlink()
        assert not save_state(Model.open(model.directory), "initial").was_saved

    def test_a_new_one_never_writes_over_another(self, model: Model) -> None:
        save_state(model, "initial")
        directory = put(model, "new", {"w": b"w"})
        with pytest.raises(StateExists) as caught:
            save_new(model, "initial", scan_directory(directory))
        assert names(caught.value, "initial")
