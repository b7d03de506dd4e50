"""Bringing back a derived model, and what does not fit the working copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.derive import detach, worktree
from gitstore.disk import locks
from gitstore.errors import Locked
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.snapshots import take as capture
from gitstore.snapshots.restore import Component
from gitstore.workingcopy.unsaved import WouldLose
from tests.support import restoring, scenes
from tests.support.commands import Fsck, Git
from tests.support.failing import refuses
from tests.support.models import picture, put, take
from tests.support.restoring import bring_back, trees


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A model with two snapshots."""
    return restoring.two(tmp_path)


class TestWhatDoesNotFit:
    def test_a_snapshot_of_another_model(self, two: Path, git: Git) -> None:
        worktree.derive(reference.resolve("v1", two), "dogs", two.parent / "dogs")
        take(Model.open(two.parent / "dogs"), "v1")
        with refuses("v1", "dogs", "digits"):
            bring_back(two, "dogs@v1", force=True)
        with refuses("v2", "digits", "dogs"):
            bring_back(two.parent / "dogs", "digits@v2", force=True)

    def test_a_snapshot_of_another_repository(self, two: Path, tmp_path: Path, git: Git) -> None:
        git("clone", "--quiet", str(two), str(tmp_path / "clone"), cwd=tmp_path)
        with refuses("v1", "digits", tmp_path / "clone", "another repository"):
            bring_back(two, "../clone@v1")

    def test_a_bare_repository(self, two: Path, tmp_path: Path, git: Git) -> None:
        git("clone", "--quiet", "--bare", str(two), str(tmp_path / "b.git"), cwd=tmp_path)
        with refuses():
            bring_back(tmp_path / "b.git", "v1")

    def test_a_root_model_may_have_been_renamed(self, two: Path, git: Git) -> None:
        text = (two / "settings.yaml").read_text()
        (two / "settings.yaml").write_text(text.replace("name: digits", "name: numbers", 1))
        git("commit", "--quiet", "--all", "-m", "another name", cwd=two)
        bring_back(two, "v1")
        assert (two / "settings.yaml").read_text().count("name: digits") == 1
        assert Model.open(two).name == "numbers"

    def test_another_command_is_at_it(self, two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(locks, "PATIENCE", 0.1)
        before = picture(two)
        with (
            locks.working_copy(Model.open(two).repository.git_directory),
            refuses("working copy", kind=Locked),
        ):
            bring_back(two, "v1")
        assert picture(two) == before


def _dogs(root: Path) -> None:
    made = worktree.derive(reference.resolve("v1", restoring.two(root)), "dogs", root / "dogs").model
    put(made, "initial", {"weights": b"dogs"})
    take(made, "v1")
    put(made, "initial", {"weights": b"more dogs"})
    with (made.directory / "settings.yaml").open("a") as file:
        file.write("description: dogs\n")
    take(made, "v2")


class TestADerivedModel:
    @pytest.fixture
    def two(self, tmp_path: Path) -> Path:
        """The model that dogs is based on."""
        scenes.copy(_dogs, tmp_path)
        return tmp_path / "digits"

    @pytest.fixture
    def dogs(self, two: Path) -> Path:
        """A model on v1, with a snapshot of its own; then its state and settings move on."""
        return two.parent / "dogs"

    def test_goes_back(self, dogs: Path, fsck: Fsck) -> None:
        bring_back(dogs, "v1")
        again = capture.take(Model.open(dogs), "again").snapshot
        assert trees(again) == trees(reference.resolve("v1", dogs))
        fsck(dogs)

    def test_its_code_is_mended_and_read_only(self, dogs: Path) -> None:
        path = dogs / "code" / "old" / "größe 1.py"
        (dogs / "code" / "model.py").unlink()
        path.chmod(0o644)
        path.write_text("own code")
        with refuses("code/old/größe 1.py", kind=WouldLose):
            bring_back(dogs, "v1")
        bring_back(dogs, "v1", force=True)
        assert path.read_text() == "old\n"
        assert [each.stat().st_mode & 0o222 for each in (path, dogs / "code" / "model.py")] == [0, 0]
        assert trees(take(Model.open(dogs), "again")) == trees(reference.resolve("v1", dogs))

    def test_which_has_another_base_now(self, dogs: Path, two: Path, git: Git) -> None:
        base, other = reference.resolve("v1", two), reference.resolve("v2", two)
        text = (dogs / "settings.yaml").read_text()
        for old, new in (
            (base.tag_oid, other.tag_oid),
            (base.commit, other.commit),
            ("snapshot: v1", "snapshot: v2"),
        ):
            text = text.replace(str(old), str(new))
        (dogs / "settings.yaml").write_text(text)
        git("commit", "--quiet", "-m", "another base", "--", "settings.yaml", cwd=dogs)
        with refuses("code of v1", "digits@v1", "digits@v2", hint="gitstore restore v1 --state"):
            bring_back(dogs, "v1", force=True)
        with refuses("settings of v1", "digits@v1", "digits@v2", hint="gitstore restore v1 --state"):
            bring_back(dogs, "v1", Component.SETTINGS)
        bring_back(dogs, "v1", Component.STATE)
        assert (dogs / "states" / "initial" / "weights").read_bytes() == b"dogs"

    def test_has_its_own_lock(self, dogs: Path, two: Path) -> None:
        with locks.working_copy(Model.open(two).repository.git_directory):
            bring_back(dogs, "v1")


def test_a_model_that_was_detached_since_stays_so(two: Path, fsck: Fsck) -> None:
    dogs = worktree.derive(reference.resolve("v1", two), "dogs", two.parent / "dogs").model
    put(dogs, "initial", {"weights": b"dogs"})
    first = take(dogs, "v1")
    detach.detach(dogs)
    (dogs.directory / "code" / "model.py").write_text("own\n")
    take(Model.open(dogs.directory), "v2")
    done = bring_back(dogs.directory, "v1")
    assert done.is_detached
    again = take(Model.open(dogs.directory), "again")
    assert trees(again)[:2] == trees(first)[:2]
    assert again.settings.based_on is not None
    assert again.settings.based_on.detached
    fsck(two)
