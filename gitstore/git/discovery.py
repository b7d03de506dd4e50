"""Finding the repository that a directory is in, as git does it (gitrepository-layout(5), git-worktree(1)).

The top of a working copy is where `.git` was found on the way up. libgit2 says otherwise for copied and
moved working copies, and where the git directory lies elsewhere.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from gitstore.errors import NotAModel

_HEAD = re.compile(rb"ref:[ \t\n\r]*refs/|[0-9a-f]{40}")
_LINK = b"gitdir:"

SPACES = " \t\n\r"
"""What git takes for spaces (its ctype.c): neither a vertical tab nor a form feed, unlike Python."""

LINE_ENDS = "\n\r"
"""What git cuts off from the end of a file that holds a path."""


class Place(NamedTuple):
    """A git directory, and the directory in which it, or a link to it, is called `.git`, if one was found."""

    git_directory: Path
    top: Path | None


class NoRepository(NotAModel):
    """A `.git` that leads to no repository, or that is a damaged one."""


def find(directory: Path) -> Place | None:
    """Return the repository that a directory is in; `None` if it is in none.

    Raises `NoRepository` for a `.git` that is broken, where git would go on above it or give up: what
    is meant is this one.
    """
    # The parents of a path are not those of the directory where it goes up or over a link on its way.
    start = directory.resolve() if ".." in directory.parts else directory
    for here in (start, *start.parents):
        link = here / ".git"
        if link.is_file():
            return Place(_linked(link), here)
        if link.is_dir():
            missing = _missing(link)
            if not missing:
                return Place(link, here)
            if len(missing) < 3:  # of all three: just a directory of that name
                raise _damaged(link, missing)
        if not _missing(here):
            return Place(here, None)
        if here.is_mount():
            return None  # git does not look beyond
    return None


def common_of(git_directory: Path) -> Path:
    """Return the directory that linked working copies share."""
    try:
        return (
            git_directory / os.fsdecode((git_directory / "commondir").read_bytes()).rstrip(LINE_ENDS)
        ).resolve()
    except (FileNotFoundError, NotADirectoryError):
        return git_directory


def _linked(link: Path) -> Path:
    """Return the git directory that a file `.git` leads to."""
    content = link.read_bytes()
    if not content.startswith(_LINK):
        raise NoRepository(f"{link} is a file, and does not say where the git directory is")
    target = Path(
        os.path.normpath(
            link.parent / os.fsdecode(content.removeprefix(_LINK)).lstrip(SPACES).rstrip(LINE_ENDS)
        )
    )
    missing = _missing(target) if target.is_dir() else []
    if missing:
        raise _damaged(target, missing)
    if not target.is_dir():
        main = target.parent.parent.parent if target.parent.name == "worktrees" else None
        raise NoRepository(
            f"{link} leads to {target}, which is not there",
            f"if {main} was moved, run git worktree repair {shlex.quote(str(link.parent))} in its new place"
            if main is not None
            else f"write where it is now into {link}: gitdir: DIRECTORY",
        )
    return target


def _missing(git_directory: Path) -> list[str]:
    """Return what a directory lacks of a repository; nothing if git takes it for one."""
    common = common_of(git_directory)
    found = {
        "HEAD": _has_head(git_directory / "HEAD"),
        "objects": (common / "objects").is_dir(),
        "refs": (common / "refs").is_dir(),
    }
    return [name for name, is_there in found.items() if not is_there]


def _has_head(head: Path) -> bool:
    if head.is_symlink():
        return str(head.readlink()).startswith("refs/")
    try:
        return _HEAD.match(head.read_bytes()) is not None
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return False  # what cannot be read now may be right: that is another error


def _damaged(git_directory: Path, missing: list[str]) -> NoRepository:
    remedies = {
        "HEAD": f"git -C {shlex.quote(str(git_directory.parent))} init, if the branch was the default one;"
        f" else write ref: refs/heads/BRANCH into {git_directory / 'HEAD'}",
        "objects": "copy the repository again, or take it from a backup",
        "refs": f"mkdir {shlex.quote(str(common_of(git_directory) / 'refs'))}; copies that leave out empty"
        " directories lose it",
    }
    what = " and ".join("a valid HEAD" if name == "HEAD" else f"{name}/" for name in missing)
    worst = next(name for name in ("objects", "refs", "HEAD") if name in missing)
    return NoRepository(f"{git_directory} is a damaged git repository: it lacks {what}", remedies[worst])
