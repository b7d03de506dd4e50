"""The working copies of a repository, as stock git lists them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.git.repository import Repository
from gitstore.git.worktrees import Worktree
from gitstore.packs.oid import Oid
from tests.support.commands import Git


@pytest.fixture
def here(tmp_path: Path, git: Git) -> Path:
    place = tmp_path / "größe and more"
    git("init", "--quiet", str(place), cwd=tmp_path)
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=place)
    return place


def by_git(directory: Path, git: Git) -> list[Worktree]:
    """What `git worktree list` says."""
    found = []
    for block in git("worktree", "list", "--porcelain", "-z", cwd=directory).split("\0\0"):
        lines = dict(line.partition(" ")[::2] for line in block.split("\0") if line)
        if not lines or "bare" in lines:
            continue
        branch = lines["branch"].removeprefix("refs/heads/") if "branch" in lines else None
        detached = Oid.parse(lines["HEAD"]) if "detached" in lines else None
        found.append(Worktree(Path(lines["worktree"]), branch, detached, lines.get("locked")))
    return found


def test_every_kind(here: Path, tmp_path: Path, git: Git) -> None:
    git("worktree", "add", "--quiet", "-b", "a/b", str(tmp_path / "a b"), cwd=here)
    git("worktree", "add", "--quiet", "--detach", str(tmp_path / "new\nline"), cwd=here)
    git(
        "worktree",
        "add",
        "--quiet",
        "-b",
        "c",
        "--lock",
        "--reason",
        "why not",
        str(tmp_path / "z"),
        cwd=here,
    )
    git("worktree", "add", "--quiet", "-b", "gone", str(tmp_path / "zz"), cwd=here)
    (tmp_path / "zz").rename(tmp_path / "moved")
    git("pack-refs", "--all", cwd=here)
    listed = by_git(here, git)
    assert len(listed) == 5
    for place in (here, tmp_path / "a b"):
        assert sorted(Repository.discover(place).worktrees()) == sorted(listed)
    assert Repository.discover(here).worktrees()[0].directory == here


def test_a_detached_main_working_copy(here: Path, git: Git) -> None:
    git("checkout", "--quiet", "--detach", cwd=here)
    assert Repository.discover(here).worktrees() == by_git(here, git)
    head = here / ".git" / "HEAD"
    head.write_text(head.read_text().replace("\n", " \r\n"))
    assert Repository.discover(here).worktrees() == by_git(here, git)


def test_of_a_bare_repository(here: Path, tmp_path: Path, git: Git) -> None:
    git("clone", "--quiet", "--bare", str(here), "bare.git", cwd=tmp_path)
    git("worktree", "add", "--quiet", "../linked", "main", cwd=tmp_path / "bare.git")
    expected = [Worktree(tmp_path / "linked", "main", None, None)]
    for place in (tmp_path / "bare.git", tmp_path / "linked"):
        assert Repository.discover(place).worktrees() == expected == by_git(place, git)


def test_what_a_crash_of_git_leaves(here: Path, git: Git) -> None:
    """A directory without `gitdir`, and a HEAD that says nothing."""
    (here / ".git" / "worktrees" / "half").mkdir(parents=True)
    (here / ".git" / "worktrees" / "other").mkdir()
    (here / ".git" / "worktrees" / "other" / "gitdir").write_text(f"{here.parent / 'other' / '.git'}\n")
    assert Repository.discover(here).worktrees()[1:] == [Worktree(here.parent / "other", None, None, None)]
