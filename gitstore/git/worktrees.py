"""The working copies of a repository, read from git's files, gitrepository-layout(5).

`git worktree list` reads all refs again for each of them. For a thousand working copies, that takes a
quarter of a second and 300 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gitstore.git.files import SPACES, RefValue, parse_ref, read_text, read_worktree_directory
from gitstore.packs.oid import Oid

_BRANCHES = "refs/heads/"


class Worktree(NamedTuple):
    """A working copy: its directory, which may be gone, and its branch.

    `detached` is the commit that is checked out without a branch. `locked` is the reason why git may not
    remove it, if somebody gave one.
    """

    directory: Path
    branch: str | None
    detached: Oid | None
    locked: str | None


def main_worktree(directory: Path, common: Path) -> Worktree:
    """Return the working copy that is not a linked one."""
    return Worktree(directory, *_read_head(common), None)


class Administration(NamedTuple):
    """What git keeps of a linked working copy, `worktrees/NAME` in the repository, complete or not.

    `directory` is `None` if it does not say where the working copy is. `damage` says what is wrong with
    it, for a person.
    """

    path: Path
    directory: Path | None
    branch: str | None
    locked: str | None
    damage: str | None


def list_linked(common: Path) -> list[Worktree]:
    """List the linked working copies, by the names that git has for them. Damaged ones are left out."""
    # Not through `list_administrations`, which reads twice as many files: there may be a thousand.
    places = ((path, read_worktree_directory(path)) for path in sorted(common.glob("worktrees/*")))
    return [
        Worktree(directory, *_read_head(path), read_text(path / "locked"))
        for path, directory in places
        if directory is not None
    ]


def list_administrations(common: Path) -> list[Administration]:
    """List what git keeps of linked working copies, by name. A killed `git worktree add` leaves damage."""
    return [_read_administration(path) for path in sorted(common.glob("worktrees/*")) if path.is_dir()]


def list_locked(common: Path, reason: str) -> list[Administration]:
    """List those that are locked for exactly this reason. Of the others, only the reason is read."""
    return [
        _read_administration(lock.parent)
        for lock in sorted(common.glob("worktrees/*/locked"))
        if read_text(lock) == reason
    ]


def list_damaged(common: Path) -> list[Administration]:
    """List those that git cannot use. Some of them stop every git command that reads all working copies."""
    return [
        administration for administration in list_administrations(common) if administration.damage is not None
    ]


def _read_administration(path: Path) -> Administration:
    branch, _ = _read_head(path)
    damage = next(_find_damage(path), None)
    return Administration(path, read_worktree_directory(path), branch, read_text(path / "locked"), damage)


def _find_damage(path: Path) -> Iterator[str]:
    """Yield what is wrong with a working copy's administration."""
    for name in ("gitdir", "commondir", "HEAD"):
        content = read_text(path / name)
        if content is None:
            yield f"it has no {name}"
        elif not content.strip(SPACES):
            yield f"its {name} is empty"
    head = (read_text(path / "HEAD") or "").strip(SPACES)
    if not head.strip("0"):
        yield "its HEAD is all zeros, so git did not finish it"
    elif _read_ref(path / "HEAD") is None:
        yield "its HEAD is neither a ref nor a commit"


def _read_head(directory: Path) -> tuple[str | None, Oid | None]:
    """Return the branch, or else the commit, that is checked out."""
    value = _read_ref(directory / "HEAD")
    if isinstance(value, str):
        return (value.removeprefix(_BRANCHES) if value.startswith(_BRANCHES) else None), None
    # Zeros are no commit: git writes them while it makes a working copy, and they stay if it is killed.
    return None, value


def _read_ref(path: Path) -> RefValue | None:
    try:
        return parse_ref(path.read_bytes())
    except OSError:
        return None
