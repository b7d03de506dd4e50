"""The working copies of a repository, as gitrepository-layout(5) has them in files.

`git worktree list` opens all refs anew for each of them, which for a thousand takes a quarter of a
second and 300 MB.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from gitstore.objects.oid import Oid


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


def linked(common: Path) -> list[Worktree]:
    """The linked working copies, by the names that git has for them; damaged ones are left out."""
    found = (_linked(administration) for administration in sorted(common.glob("worktrees/*")))
    return [each for each in found if each is not None]


def _linked(administration: Path) -> Worktree | None:
    where = directory(administration)
    if where is None:
        return None
    return Worktree(where, *_head(administration), _line(administration / "locked"))


def directory(administration: Path) -> Path | None:
    """Return where git has noted that a linked working copy is."""
    place = _line(administration / "gitdir")
    return Path(os.path.normpath(administration / place)).parent if place else None


def _head(directory: Path) -> tuple[str | None, Oid | None]:
    """The branch, or the commit, that HEAD says."""
    head = (_line(directory / "HEAD") or "").strip()  # git takes it with spaces after it, too
    if head.startswith("ref:"):
        ref = head.removeprefix("ref:").strip()
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
