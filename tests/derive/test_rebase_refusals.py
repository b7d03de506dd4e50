"""What a derived model is not moved to: nothing is changed then, on disk or in git."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitstore.derive import rebase, worktree
from gitstore.errors import GitstoreError, Locked
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from tests.support.commands import Git
from tests.support.failing import names, refuses
from tests.support.models import again, change, git_state, make, picture, put, refs, take


class TestRefusals:
    """Nothing is changed, on disk or in git."""

    def refused(self, dogs: Model, base: Snapshot, *, force: bool = False) -> GitstoreError:
        before = refs(dogs.directory), picture(dogs.directory), git_state(dogs.directory)
        with pytest.raises(GitstoreError) as caught:
            rebase.rebase(again(dogs), base, force=force)
        assert (refs(dogs.directory), picture(dogs.directory), git_state(dogs.directory)) == before
        return caught.value

    def test_a_root_model(self, base: Model, v2: Snapshot) -> None:
        with refuses("digits"):
            rebase.rebase(base, v2)

    def test_a_snapshot_of_itself_and_a_circle(self, dogs: Model, tmp_path: Path) -> None:
        own = take(dogs, "v1")
        pugs = worktree.derive(own, "pugs", tmp_path / "pugs").model
        base = worktree.derive(take(pugs, "v1"), "dachshunds", tmp_path / "dachshunds").model
        circle = take(base, "v1")
        for force in (False, True):
            error = self.refused(dogs, own, force=force)
            assert names(error, "dogs@v1", "dogs")
            error = self.refused(dogs, circle, force=force)
            assert names(error, "dachshunds@v1", "based on dogs")

    def test_a_circle_by_a_snapshot_from_before(
        self, dogs: Model, v2: Snapshot, base: Model, tmp_path: Path
    ) -> None:
        """cats@v1 is based on digits, but cats itself is based on dogs by now."""
        cats = worktree.derive(v2, "cats", tmp_path / "cats").model
        old = take(cats, "v1")
        rebase.rebase(cats, take(dogs, "v1"), force=True)
        error = self.refused(dogs, old, force=True)
        assert names(error, "cats@v1", "based on dogs")

    def test_another_line_without_force(self, dogs: Model, v2: Snapshot, tmp_path: Path) -> None:
        other = take(worktree.derive(v2, "cats", tmp_path / "cats").model, "v1")
        error = self.refused(dogs, other)
        assert names(error, "cats@v1", "digits", "dogs")
        assert rebase.rebase(dogs, other, force=True).model.list_base_names() == ["dogs", "cats", "digits"]

    def test_another_repository(self, dogs: Model, tmp_path: Path) -> None:
        other = take(make(tmp_path / "other"), "v1")
        assert names(self.refused(dogs, other, force=True), "digits@v1", "another repository")

    def test_a_base_that_goes_meanwhile(self, dogs: Model, base: Model, v2: Snapshot, git: Git) -> None:
        git("tag", "--delete", "v2", cwd=base.directory)
        assert names(self.refused(dogs, v2), "v2", "removed")

    def test_edited_settings(self, dogs: Model, v2: Snapshot, git: Git) -> None:
        path = dogs.directory / "settings.yaml"
        path.write_text(path.read_text() + "# a comment\n")
        for staged in (False, True):
            if staged:
                git("add", "settings.yaml", cwd=dogs.directory)
            error = self.refused(dogs, v2, force=True)
            assert names(error, "settings.yaml")

    def test_edited_code(self, dogs: Model, v2: Snapshot) -> None:
        code = dogs.directory / "code"
        for name in ("my – new.py", "deep/er/new.py", "model.py"):
            path = code / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists():
                path.chmod(0o644)
            path.write_text("edited\n")
            error = self.refused(dogs, v2, force=True)
            assert names(error, name)
            path.unlink()
        (code / "a.py").write_text("new\n")
        assert names(self.refused(dogs, v2), "code/a.py")

    def test_an_ignored_file_in_the_way(self, dogs: Model, v2: Snapshot, git: Git) -> None:
        (dogs.directory / ".gitignore").write_text("/states/\nsub\n")
        git("commit", "--quiet", "--all", "-m", "ignore", cwd=dogs.directory)
        for way in ("sub/größer name.py", "sub"):
            shutil.rmtree(dogs.directory / "code" / "sub", ignore_errors=True)
            put(dogs, "../code", {way: b"precious\n"})
            error = self.refused(dogs, v2, force=True)
            assert names(error, way, "digits@v2")

    def test_code_that_was_committed(self, dogs: Model, v2: Snapshot, git: Git) -> None:
        (dogs.directory / "code" / "model.py").chmod(0o644)
        change(dogs, new="RATE = 9.0")
        error = self.refused(dogs, v2)
        assert names(error, "dogs", "digits@v1")
        assert take(rebase.rebase(again(dogs), v2, force=True).model, "v1").code_tree == v2.code_tree

    def test_another_branch(self, dogs: Model, v2: Snapshot, git: Git) -> None:
        for here, *switch in (("the branch topic", "-c", "topic"), ("no branch", "--detach")):
            git("switch", "--quiet", *switch, cwd=dogs.directory)
            error = self.refused(dogs, v2)
            assert names(error, dogs.directory, here)

    def test_an_index_that_is_locked(self, dogs: Model, v2: Snapshot) -> None:
        lock = dogs.repository.git_directory / "index.lock"
        lock.touch()
        error = self.refused(dogs, v2)
        assert type(error) is Locked
