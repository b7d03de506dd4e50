"""A derive that is killed, or that comes to its end only in part: the same call again finishes it."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.derive.first_state import ABSENT, Imported
from gitstore.disk import construction
from gitstore.errors import GitstoreError
from gitstore.git import new_worktree
from gitstore.git.refs import RefChange, Refs
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.states.materialize import materialize
from tests.support import combinations, processes, scenes
from tests.support.commands import Fsck, Git
from tests.support.failing import names, refuses
from tests.support.models import refs, take


class TestInterrupted:
    def killed(self, work: Callable[[], object], owner: object, step: str) -> None:
        def patched() -> None:
            setattr(owner, step, processes.die)
            work()

        assert processes.run_forked(patched) == -signal.SIGKILL

    @combinations.sample(3)
    @pytest.mark.parametrize(
        ("owner", "step"),
        [
            (Path, "chmod"),
            (worktree, "_create_refs"),
            (new_worktree, "_name_administration"),
            (construction, "_rename"),
            (new_worktree, "finish"),
        ],
        ids=["in the worktree", "no branch", "no administration", "no directory", "still locked"],
    )
    def test_the_same_again_finishes_it(
        self, v1: Snapshot, tmp_path: Path, git: Git, fsck: Fsck, owner: object, step: str
    ) -> None:
        self.killed(lambda: worktree.derive(v1, "dogs", tmp_path / "dogs"), owner, step)
        fsck(tmp_path / "digits")
        made = worktree.derive(scenes.find(tmp_path), "dogs", tmp_path / "dogs")
        assert made.model.name == "dogs"
        assert "locked" not in git("worktree", "list", "--porcelain", cwd=tmp_path / "digits")
        assert (made.model.directory / "code" / "model.py").stat().st_mode & 0o777 == 0o444
        assert (materialize(made.model, "initial") / "weights").exists()
        assert git("rev-list", "--count", "v1..dogs", cwd=tmp_path / "digits") == "1\n"
        take(made.model, "v1")
        fsck(tmp_path / "digits")

    @pytest.mark.parametrize("name", ["dogs", "cats"])
    def test_a_state_without_a_branch_is_removed(
        self, v1: Snapshot, tmp_path: Path, git: Git, fsck: Fsck, name: str
    ) -> None:
        """Whatever the next model is called, and begins with."""
        first = Imported([tmp_path / "digits" / "code"])
        change = Refs.change

        def half(refs: Refs, changes: Sequence[RefChange], reason: str) -> None:
            change(refs, changes[:1], reason)
            processes.die()

        def work() -> None:
            Refs.change = half  # type: ignore[assignment, method-assign]
            worktree.derive(v1, "dogs", tmp_path / "dogs", state=first)

        assert processes.run_forked(work) == -signal.SIGKILL
        states = ("for-each-ref", "--format=%(refname)", "refs/states/dogs")
        assert git(*states, cwd=tmp_path / "digits") == "refs/states/dogs/initial\n"
        worktree.derive(scenes.find(tmp_path), name, tmp_path / name, state=ABSENT)
        assert git(*states, cwd=tmp_path / "digits") == ""
        fsck(tmp_path / "digits")

    def test_a_directory_that_cannot_be_made(self, v1: Snapshot, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        before = refs(v1.repository.directory)
        with refuses(tmp_path / "file", os.strerror(errno.EEXIST)):
            worktree.derive(v1, "dogs", tmp_path / "file" / "dogs")
        assert refs(v1.repository.directory) == before
        assert worktree.derive(v1, "dogs", tmp_path / "dogs").model.name == "dogs"

    def test_a_directory_that_cannot_appear(
        self, v1: Snapshot, tmp_path: Path, git: Git, fsck: Fsck, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The model is made by then, and what is said of it is true."""
        with monkeypatch.context() as patched:
            # Nobody else looks into the directory: what appears in it is there in time.
            appear = new_worktree._name_administration
            taken = tmp_path / "dogs" / "somebody's"

            def meanwhile(repository: Repository, administration: Path, directory: Path) -> Path:
                taken.mkdir(parents=True)
                return appear(repository, administration, directory)

            patched.setattr(new_worktree, "_name_administration", meanwhile)
            with pytest.raises(GitstoreError) as caught:
                worktree.derive(v1, "dogs", tmp_path / "dogs")
        assert names(caught.value, "dogs", "directory")
        assert "git worktree add DIR dogs" in (caught.value.hint or "")
        assert git("worktree", "list", "--porcelain", cwd=v1.repository.directory).count("worktree ") == 1
        fsck(v1.repository.directory)
        taken.rmdir()
        assert worktree.derive(v1, "dogs", tmp_path / "dogs").model.name == "dogs"

    def test_a_finished_model_is_not_made_twice(self, dogs: Model, tmp_path: Path) -> None:
        with refuses("dogs", "branch"):
            worktree.derive(scenes.find(tmp_path), "dogs", tmp_path / "elsewhere")
