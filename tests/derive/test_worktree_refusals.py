"""What no model is derived from or called, and what a derived model takes no snapshot of."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from gitstore.derive import worktree
from gitstore.errors import GitstoreError
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.states.save import save_state
from tests.support import scenes
from tests.support.commands import Git, git
from tests.support.failing import names
from tests.support.models import make, picture, put, refs, take, write


def _with_another_file(root: Path) -> None:
    model = make(root / "digits")
    write(model, "code/util.py", "util\n")
    worktree.derive(take(model, "v1"), "dogs", root / "dogs")


class TestRefusals:
    def refused(self, base: Snapshot, name: str, directory: Path) -> GitstoreError:
        before = refs(base.repository.directory), picture(directory.parent)
        with pytest.raises(GitstoreError) as caught:
            worktree.derive(base, name, directory)
        assert (refs(base.repository.directory), picture(directory.parent)) == before
        return caught.value

    TAKEN = {  # noqa: RUF012
        "main": "branch",
        "dogs": "branch",
        "digits": "model",
        "v1": "snapshot",
        "initial": "state",
        "topic": "refs/heads/topic/x",
        "release": "refs/tags/release/1",
        "gone": "refs/states/gone/trained",
        "a b": "'a b'",
    }
    """Names that no model can have, and what has it instead."""

    def test_a_name_that_is_taken(self, dogs: Model, base: Model, git: Git, tmp_path: Path) -> None:
        save_state(base, "initial")
        git("branch", "topic/x", cwd=base.directory)
        git("tag", "release/1", cwd=base.directory)
        git("update-ref", "refs/states/gone/trained", "refs/states/initial", cwd=base.directory)
        v1 = scenes.find(tmp_path)
        for name, holder in self.TAKEN.items():
            assert names(self.refused(v1, name, tmp_path / "new"), name, holder)

    def test_the_root_s_name_for_a_derived_model_s_child(self, dogs: Model, tmp_path: Path) -> None:
        """Else digits@v1 could mean two snapshots."""
        error = self.refused(take(dogs, "v1"), "digits", tmp_path / "new")
        assert names(error, "digits", "model")

    def test_a_directory_that_is_taken(self, v1: Snapshot, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "full directory" / "sub").mkdir(parents=True)
        for target in (tmp_path / "file", tmp_path / "full directory"):
            error = self.refused(v1, "cats", target)
            assert names(error, target)

    def test_states_of_a_model_whose_branch_is_gone_are_kept(
        self, dogs: Model, base: Model, git: Git, tmp_path: Path
    ) -> None:
        put(dogs, "initial", {"weights": b"trained for a week"})
        save_state(dogs, "initial")
        git("worktree", "remove", "--force", str(dogs.directory), cwd=base.directory)
        git("branch", "--quiet", "-D", "dogs", cwd=base.directory)
        error = self.refused(scenes.find(tmp_path), "dogs", tmp_path / "again")
        assert names(error, "refs/states/dogs/initial", "dogs")
        assert git("show", "refs/states/dogs/initial:weights", cwd=base.directory) == "trained for a week"


class TestItsCode:
    """A derived model has no code of its own, and a snapshot says so by name."""

    def refused(self, dogs: Model) -> GitstoreError:
        before = refs(dogs.directory)
        with pytest.raises(GitstoreError) as caught:
            take(dogs, "v1")
        assert refs(dogs.directory) == before
        return caught.value

    def writable(self, dogs: Model, name: str = "model.py") -> Path:
        path = dogs.directory / "code" / name
        if path.exists():
            path.chmod(0o644)
        return path

    def commit(self, dogs: Model, git: Git, *, committed: bool) -> None:
        if committed:
            git("add", "--all", cwd=dogs.directory)
            git("commit", "--quiet", "-m", "a change", cwd=dogs.directory)

    @pytest.mark.parametrize("committed", [False, True])
    def test_changed_added_and_deleted(self, tmp_path: Path, git: Git, *, committed: bool) -> None:
        scenes.copy(_with_another_file, tmp_path)
        dogs = Model.open(tmp_path / "dogs")
        assert dogs.base is not None
        checkout = f"git checkout {dogs.base.commit[:12]} --"

        self.writable(dogs).write_text("changed\n")
        self.commit(dogs, git, committed=committed)
        error = self.refused(dogs)
        assert names(error, "code/model.py", "digits@v1", "dogs")
        self.mend(dogs, error, f"{checkout} code/model.py")

        self.writable(dogs, "my new.py").write_text("new\n")
        self.commit(dogs, git, committed=committed)
        error = self.refused(dogs)
        assert names(error, "code/my", "new.py", "digits@v1", "dogs")
        self.mend(dogs, error, "rm 'code/my new.py'")

        self.writable(dogs, "util.py").unlink()
        self.commit(dogs, git, committed=committed)
        error = self.refused(dogs)
        assert names(error, "code/util.py", "missing", "digits@v1", "dogs")
        self.mend(dogs, error, f"{checkout} code/util.py")

    def mend(self, dogs: Model, error: GitstoreError, command: str) -> None:
        """Do what the hint says; then a snapshot can be taken."""
        assert (error.hint or "").startswith(f"{command} ")
        assert "gitstore detach" in (error.hint or "")
        subprocess.run(["sh", "-c", command], cwd=dogs.directory, check=True)
        taken = take(dogs, "v1")
        assert taken.name == "v1"
        git("tag", "--delete", "dogs/v1", cwd=dogs.directory)

    def test_several(self, dogs: Model) -> None:
        self.writable(dogs).write_text("changed\n")
        self.writable(dogs, "z.py").write_text("new\n")
        self.writable(dogs, "a.py").write_text("new\n")
        assert names(self.refused(dogs), "code/a.py", "digits@v1", "dogs")

    def test_executable(self, dogs: Model) -> None:
        self.writable(dogs).chmod(0o755)
        assert names(self.refused(dogs), "code/model.py", "digits@v1")

    def test_settings_and_state_are_its_own(self, dogs: Model) -> None:
        path = dogs.directory / "settings.yaml"
        path.write_text(path.read_text().replace("filesystem_size: 1MiB", "filesystem_size: 2MiB"))
        put(dogs, "initial", {"weights": b"its own"})
        found = take(dogs, "v1")
        assert found.settings.filesystem_size == 2 * 1024**2
        assert found.tag.trailers["Based-On"] == f"digits@v1 {dogs.base.tag if dogs.base else ''}"

    def test_what_it_is_cannot_be_edited(self, dogs: Model) -> None:
        path = dogs.directory / "settings.yaml"
        text = path.read_text()
        for old, new, key in (
            (r"\bname: dogs\b", "name: cats", "settings.yaml: name: "),
            (r"\bv1\b", "v2", "settings.yaml: based_on: "),
            (r"(?m)^based_on.*(\n  .*)*$", "#", "settings.yaml: based_on: "),
        ):
            path.write_text(re.sub(old, new, text))
            assert path.read_text() != text
            assert self.refused(dogs).message.startswith(key)
