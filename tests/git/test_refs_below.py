"""Whether there are refs below a name, without looking at all refs."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.git.repository import Repository
from tests.support.commands import Git


@pytest.fixture
def here(tmp_path: Path, git: Git) -> Path:
    git("init", "--quiet", "here", cwd=tmp_path)
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=tmp_path / "here")
    return tmp_path / "here"


@pytest.mark.parametrize("packed", [False, True])
def test_of_a_name(here: Path, git: Git, *, packed: bool) -> None:
    for ref in ("refs/tags/größe/v1", "refs/tags/dogs", "refs/states/cats/a/b"):
        git("update-ref", ref, "HEAD", cwd=here)
    if packed:
        git("pack-refs", "--all", cwd=here)
    refs = Repository.discover(here).refs
    assert refs.has_any_below("refs/tags/größe/")
    assert refs.has_any_below("refs/states/cats/")
    assert refs.has_any_below("refs/tags/none/", "refs/tags/größe/")
    assert not refs.has_any_below("refs/tags/dogs/", "refs/tags/gr/", "refs/states/größe/", "refs/tags/cats/")
    git("update-ref", "-d", "refs/tags/größe/v1", cwd=here)
    assert not refs.has_any_below("refs/tags/größe/")


def test_what_is_no_ref(here: Path, git: Git) -> None:
    """A symbolic ref, a lock, an empty directory."""
    git("symbolic-ref", "refs/states/dogs/HEAD", "refs/states/dogs/initial", cwd=here)
    (here / ".git" / "refs" / "states" / "dogs" / "initial.lock").touch()
    (here / ".git" / "refs" / "tags" / "dogs").mkdir()
    assert not Repository.discover(here).refs.has_any_below("refs/states/dogs/", "refs/tags/dogs/")


def test_from_a_linked_working_copy(here: Path, git: Git) -> None:
    git("worktree", "add", "--quiet", "-b", "side", "../linked", cwd=here)
    git("update-ref", "refs/tags/dogs/v1", "HEAD", cwd=here)
    assert Repository.discover(here.parent / "linked").refs.has_any_below("refs/tags/dogs/")


def test_loose_refs_are_those_that_git_would_pack(here: Path, git: Git) -> None:
    git("pack-refs", "--all", cwd=here)
    refs = Repository.discover(here).refs
    git("symbolic-ref", "refs/heads/other", "refs/heads/main", cwd=here)
    assert not refs.has_loose()
    git("update-ref", "refs/notes/one", "HEAD", cwd=here)
    assert refs.has_loose()
    git("pack-refs", "--all", cwd=here)
    assert not refs.has_loose()
