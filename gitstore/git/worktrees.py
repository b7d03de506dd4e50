"""The working copies of a repository, as gitrepository-layout(5) has them in files.

`git worktree list` opens all refs anew for each of them, which for a thousand takes a quarter of a
second and 300 MB.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gitstore.git.discovery import SPACES
from gitstore.packs.oid import Oid


class Worktree(NamedTuple):
    """A working copy: its directory, which need not be there, and the branch that it is on.

    `detached` is the commit that it has checked out without a branch. `locked` is why git may not
    remove it, if somebody said so.
    """

    directory: Path
    branch: str | None
    detached: Oid | None
    locked: str | None


def main(directory: Path, common: Path) -> Worktree:
    """The working copy that a repository has by itself."""
    return Worktree(directory, *_head(common), None)


class Administration(NamedTuple):
    """What git has of a linked working copy, `worktrees/NAME` in the repository: whole or not.

    `directory` is `None` if it does not say where the working copy is. `damage` is what is wrong with it,
    for a person.
    """

    path: Path
    directory: Path | None
    branch: str | None
    locked: str | None
    damage: str | None


def linked(common: Path) -> list[Worktree]:
    """The linked working copies, by the names that git has for them; damaged ones are left out."""
    # Not by way of `administrations`, which reads twice as many files: there may be a thousand.
    found = ((path, directory(path)) for path in sorted(common.glob("worktrees/*")))
    return [
        Worktree(where, *_head(path), _line(path / "locked")) for path, where in found if where is not None
    ]


def administrations(common: Path) -> list[Administration]:
    """What git has of linked working copies, by name. A `git worktree add` that was killed leaves damage."""
    return [_administration(path) for path in sorted(common.glob("worktrees/*")) if path.is_dir()]


def locked(common: Path, reason: str) -> list[Administration]:
    """Those that are locked for this very reason. Of the others nothing is read: there may be a thousand."""
    return [
        _administration(lock.parent)
        for lock in sorted(common.glob("worktrees/*/locked"))
        if _line(lock) == reason
    ]


def damaged(common: Path) -> list[Administration]:
    """Those that git cannot use. Some of them stop git where it looks at all working copies."""
    return [each for each in administrations(common) if each.damage is not None]


def _administration(path: Path) -> Administration:
    branch, _ = _head(path)
    return Administration(path, directory(path), branch, _line(path / "locked"), next(_damages(path), None))


def directory(administration: Path) -> Path | None:
    """Return where git has noted that a linked working copy is."""
    place = _line(administration / "gitdir")
    return Path(os.path.normpath(administration / place)).parent if place else None


def _damages(path: Path) -> Iterator[str]:
    """What is wrong with a working copy's administration."""
    for name in ("gitdir", "commondir", "HEAD"):
        content = _line(path / name)
        if content is None:
            yield f"it has no {name}"
        elif not content.strip(SPACES):
            yield f"its {name} is empty"
    head = (_line(path / "HEAD") or "").strip(SPACES)
    if not head.strip("0"):
        yield "its HEAD is of zeros, with which git begins"
    elif _head(path) == (None, None) and not head.startswith("ref:"):
        yield "its HEAD is no ref and no commit"


def _head(directory: Path) -> tuple[str | None, Oid | None]:
    """The branch, or the commit, that HEAD says."""
    head = (_line(directory / "HEAD") or "").strip(SPACES)  # git takes it with spaces after it, too
    if head.startswith("ref:"):
        ref = head.removeprefix("ref:").strip(SPACES)
        return (ref.removeprefix("refs/heads/") if ref.startswith("refs/heads/") else None), None
    try:
        # Zeros are there at first, while git makes a working copy, and stay if it is killed then.
        return None, Oid.parse(head) if head.strip("0") else None
    except ValueError:
        return None, None


def _line(path: Path) -> str | None:
    """What a small file says; `None` if it is not there."""
    try:
        return os.fsdecode(path.read_bytes()).rstrip("\n")
    except OSError:
        return None
