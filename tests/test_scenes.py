"""That a copied scene is as good as one made in its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.derive import rebase
from gitstore.models.model import Model
from gitstore.snapshots import verify
from tests.support import models, scenes
from tests.support.commands import Fsck, Git


@pytest.fixture(params=[scenes.derived, scenes.referencing])
def dogs(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    root = tmp_path / "a long name of a place"
    root.mkdir()
    dogs = request.param(root, "v1", "v2")
    assert isinstance(dogs, Model)
    return dogs


def test_git_finds_it_whole_and_clean(dogs: Model, git: Git, fsck: Fsck) -> None:
    base = dogs.directory.with_name("digits")
    for directory in (dogs.directory, base):
        fsck(directory)
        assert git("--no-optional-locks", "diff-files", "--raw", cwd=directory) == ""
        assert git("status", "--porcelain", cwd=directory) == ""
    listed = git("worktree", "list", "--porcelain", cwd=dogs.directory)
    linked = [base, dogs.directory] if dogs.prefix else [dogs.directory]
    assert [line for line in listed.splitlines() if line.startswith(("worktree", "prunable"))] == [
        f"worktree {directory}" for directory in linked
    ]


def test_it_does_not_know_the_original(dogs: Model) -> None:
    root = dogs.directory.parent
    for path in root.rglob("*"):
        assert not path.is_file() or b"gitstore-scene-" not in path.read_bytes()
    assert dogs.base is not None
    assert dogs.base.url == (None if dogs.prefix else str(root / "digits"))


def test_work_goes_on_in_it(dogs: Model, tmp_path: Path, fsck: Fsck) -> None:
    here = rebase.rebase(dogs, scenes.find(dogs.directory.parent, "v1")).model
    taken = models.take(here, "mine")
    assert verify.verify(taken.repository, [(taken.ref, taken.tag_oid)]).problems == ()
    fsck(here.directory)


def test_a_file_that_differs_from_the_index_does_so_in_the_copy(tmp_path: Path, git: Git) -> None:
    scenes.copy(_changed, tmp_path)
    assert git("diff", "--name-only", cwd=tmp_path / "digits") == "code/model.py\n"


def _changed(root: Path) -> None:
    """A change that keeps the size of a file, and the second that it was written in."""
    model = models.make(root / "digits")
    file = model.directory / "code" / "model.py"
    file.write_text(file.read_text().replace("2.0", "3.0"))
