"""What is needed: everything that git would keep, wherever it is held."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.objects.database import TooLarge
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid
from gitstore.storage.reachability import find_reachable
from tests.support import combinations, scenes
from tests.support.commands import git
from tests.support.failing import refuses

WANTED = b"to be kept\n"


def blob(content: bytes = WANTED) -> Oid:
    return Oid.of(Kind.BLOB, content)


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A repository with one commit on main."""
    scenes.copy(_here, tmp_path)
    return tmp_path / "repository"


def _here(root: Path) -> None:
    commit(Repository.create(root / "repository").directory, b"first\n", "first")


def commit(directory: Path, content: bytes, message: str) -> None:
    (directory / "file").write_bytes(content)
    git("add", "file", cwd=directory)
    git("commit", "--quiet", "-m", message, cwd=directory)


def linked(here: Path) -> Path:
    place = here.parent / "linked größe"
    if not place.exists():
        git("worktree", "add", "--quiet", "-b", "side", str(place), cwd=here)
    return place


def staged(place: Path) -> None:
    (place / "file").write_bytes(WANTED)
    git("add", "file", cwd=place)


def stashed(place: Path) -> None:
    staged(place)
    git("stash", "--quiet", cwd=place)


def detached(place: Path) -> None:
    git("checkout", "--quiet", "--detach", cwd=place)
    commit(place, WANTED, "nowhere")


def forgotten_by_its_branch(place: Path) -> None:
    commit(place, WANTED, "undone")
    git("reset", "--quiet", "--hard", "HEAD~", cwd=place)


def bisected(place: Path) -> None:
    forgotten_by_its_branch(place)
    oid = git("rev-parse", "ORIG_HEAD", cwd=place).strip()
    git("update-ref", "refs/bisect/bad", oid, cwd=place)
    (path,) = git("rev-parse", "--git-path", "ORIG_HEAD", cwd=place).split()
    (place / path).unlink()
    git("reflog", "expire", "--expire=now", "--all", cwd=place)


def merging(place: Path) -> None:
    """A merge with a conflict, of a commit that nothing else names any more."""
    git("branch", "theirs", cwd=place)
    commit(place, b"ours\n", "ours")
    git("checkout", "--quiet", "theirs", cwd=place)
    commit(place, WANTED, "theirs")
    git("checkout", "--quiet", "-", cwd=place)
    assert subprocess.run(["git", "merge", "--quiet", "theirs"], cwd=place, capture_output=True).returncode
    git("reset", "--quiet", "--", "file", cwd=place)  # the index would keep the blob
    (path,) = git("rev-parse", "--git-path", "MERGE_HEAD", cwd=place).split()
    (place / path).write_text(git("rev-parse", "theirs", cwd=place))
    git("branch", "--quiet", "-D", "theirs", cwd=place)
    git("reflog", "expire", "--expire=now", "--all", cwd=place)


HOLDING = [staged, stashed, detached, forgotten_by_its_branch, bisected, merging]


@combinations.sample(3)
@pytest.mark.parametrize("in_worktree", [False, True], ids=["main", "linked"])
@pytest.mark.parametrize("hold", HOLDING, ids=lambda hold: hold.__name__)
def test_what_git_keeps_is_needed(here: Path, hold: Callable[[Path], None], *, in_worktree: bool) -> None:
    """Asked from the other working copy, too."""
    other = linked(here)
    place = other if in_worktree else here
    hold(place)
    for asked_from in (here, other):
        assert blob() in find_reachable(Repository.discover(asked_from))


def test_what_nothing_names_is_not(here: Path) -> None:
    git("hash-object", "-w", "--stdin", cwd=here, stdin=WANTED)
    assert blob() not in find_reachable(Repository.discover(here))
    assert blob(b"first\n") in find_reachable(Repository.discover(here))


def test_without_some_refs(here: Path) -> None:
    wanted = git("hash-object", "-w", "--stdin", cwd=here, stdin=WANTED).strip()
    git("update-ref", "refs/tags/a", str(blob(b"first\n")), cwd=here)
    git("update-ref", "refs/tags/größer", wanted, cwd=here)
    repository = Repository.discover(here)
    assert blob() in find_reachable(repository)
    assert blob() in find_reachable(repository, without={"refs/tags/a"})
    assert blob() not in find_reachable(repository, without={"refs/tags/größer"})


def test_a_ref_that_is_renamed_while_git_lists(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """git has passed the new name by when it is made, and finds the old one gone."""
    wanted = git("hash-object", "-w", "--stdin", cwd=here, stdin=WANTED).strip()
    git("update-ref", "refs/tags/z", wanted, cwd=here)
    repository = Repository.discover(here)
    run = repository.git

    def renaming(*arguments: str) -> bytes:
        git("update-ref", "-d", "refs/tags/z", cwd=here)
        listed = run(*arguments)
        git("update-ref", "refs/tags/a", wanted, cwd=here)
        return listed

    monkeypatch.setattr(repository, "git", renaming)
    assert blob() in find_reachable(repository)


def test_what_a_replacement_hides_is_needed(here: Path) -> None:
    commit(here, WANTED, "hidden")
    git("replace", "HEAD", "HEAD~", cwd=here)
    assert blob() in find_reachable(Repository.discover(here))


def test_an_unborn_repository(repository: Repository) -> None:
    assert find_reachable(repository) == set()


def test_a_missing_object(here: Path) -> None:
    repository = Repository.discover(here)
    path = repository.objects.loose_path(Oid.parse(git("rev-parse", "HEAD^{tree}", cwd=here).strip()))
    assert path is not None
    path.unlink()
    git("rm", "--quiet", "--cached", "file", cwd=here)
    with refuses("git rev-list", kind=Corrupt):
        find_reachable(Repository.discover(here))


def test_an_unfinished_merge_of_something_that_git_pruned(here: Path) -> None:
    (here / ".git" / "MERGE_HEAD").write_text(f"{'1' * 40}\n")
    assert blob(b"first\n") in find_reachable(Repository.discover(here))


def test_what_lies_behind_something_too_large_is_not_given_up(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit that a reflog alone mentions, with a message that nobody reads into memory."""
    forgotten_by_its_branch(here)
    monkeypatch.setitem(limits._INNER, Kind.COMMIT, 100)
    with refuses(" 100 ", kind=TooLarge):
        find_reachable(Repository.discover(here))


def test_what_a_graft_hides_is_needed(here: Path) -> None:
    commit(here, WANTED, "hidden")
    commit(here, b"third\n", "third")
    head = git("rev-parse", "HEAD", cwd=here).strip()
    git("reflog", "expire", "--expire=now", "--all", cwd=here)
    (here / ".git" / "info" / "grafts").write_text(f"{head}\n")
    assert blob() in find_reachable(Repository.discover(here))


def test_what_lies_behind_a_shallow_commit_is_needed_if_it_is_there(here: Path, tmp_path: Path) -> None:
    commit(here, WANTED, "hidden")
    commit(here, b"third\n", "third")
    head = git("rev-parse", "HEAD", cwd=here).strip()
    git("reflog", "expire", "--expire=now", "--all", cwd=here)
    (here / ".git" / "shallow").write_text(f"{head}\n")
    assert blob() in find_reachable(Repository.discover(here))
    git("clone", "--quiet", "--depth=1", f"file://{here}", "shallow", cwd=tmp_path)
    assert blob(b"third\n") in find_reachable(Repository.discover(tmp_path / "shallow"))
