"""Finding the repository that a directory is in, as git does it (gitrepository-layout(5)), and opening it.

The top of a working copy is the directory where `.git` was found on the way up. libgit2 gives another answer
for copied and moved working copies, and if the git directory lies elsewhere.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pygit2

from gitstore.errors import GitstoreError, NotAModel
from gitstore.git import process as git
from gitstore.git.files import is_head, parse_link, read_common_directory
from gitstore.packs.descriptors import MOST

pygit2.settings.mwindow_file_limit = MOST  # otherwise libgit2 keeps every pack open that it has used

_FOREIGN = re.compile("repository path '(.*)' is not owned by current user")
"""The message of libgit2 for what git calls dubious ownership."""

_FORMATS = (
    (
        "extensions.objectFormat", "sha1",
        "uses SHA-256 object ids, which gitstore does not support",
        "create it again with git init --object-format=sha1",
    ),
    (
        "extensions.refStorage", "files",
        "keeps its refs in a reftable, which gitstore does not support",
        "git refs migrate --ref-format=files (git 2.46) converts them to files",
    ),
)  # fmt: skip
"""Formats that a repository may have: the key, our value, the message for other values, and a hint."""


class RepositoryLocation(NamedTuple):
    """A git directory, and the directory whose `.git` it is or is linked from; `None` without a `.git`."""

    git_directory: Path
    top: Path | None


class NoRepository(NotAModel):
    """A `.git` that leads to no repository, or to a damaged one."""


def find_repository(directory: Path) -> RepositoryLocation | None:
    """Return the repository that a directory is in; `None` if it is in none.

    Raises `NoRepository` for a broken `.git`. git would ignore some of these and search above, but the
    user means this one.
    """
    # The parents of a path are not those of the directory if the path goes up, or follows a link.
    start = directory.resolve() if ".." in directory.parts else directory
    for folder in (start, *start.parents):
        link = folder / ".git"
        if link.is_file():
            return RepositoryLocation(_follow_link(link), folder)
        if link.is_dir():
            missing = _missing_parts(link)
            if not missing:
                return RepositoryLocation(link, folder)
            if len(missing) < 3:  # without all three, it only has the name of a repository
                raise _damaged(link, missing)
        if not _missing_parts(folder):
            return RepositoryLocation(folder, None)
        if folder.is_mount():
            return None  # git does not search beyond
    return None


def _follow_link(link: Path) -> Path:
    """Return the git directory that a file `.git` leads to. Raises `NoRepository`."""
    target = parse_link(link.read_bytes(), link)
    if target is None:
        raise NoRepository(f"{link} is a file that does not name a git directory")
    missing = _missing_parts(target) if target.is_dir() else []
    if missing:
        raise _damaged(target, missing)
    if not target.is_dir():
        main = target.parent.parent.parent if target.parent.name == "worktrees" else None
        raise NoRepository(
            f"{link} points to {target}, which does not exist",
            f"if {main} was moved, run git worktree repair {shlex.quote(str(link.parent))} in its new place"
            if main is not None
            else f"write the path of the git directory into {link}: gitdir: DIRECTORY",
        )
    return target


def _missing_parts(git_directory: Path) -> list[str]:
    """Return what a directory lacks to be a repository; nothing if git takes it for one."""
    common = read_common_directory(git_directory)
    parts = {
        "HEAD": is_head(git_directory / "HEAD"),
        "objects": (common / "objects").is_dir(),
        "refs": (common / "refs").is_dir(),
    }
    return [name for name, exists in parts.items() if not exists]


def _damaged(git_directory: Path, missing: list[str]) -> NoRepository:
    remedies = {
        "HEAD": f"if the branch was the default one, git -C {shlex.quote(str(git_directory.parent))} init;"
        f" otherwise write ref: refs/heads/BRANCH into {git_directory / 'HEAD'}",
        "objects": "copy the repository again, or take it from a backup",
        "refs": f"mkdir {shlex.quote(str(read_common_directory(git_directory) / 'refs'))}; copies that leave"
        " out empty directories lose it",
    }
    parts = " and ".join("a valid HEAD" if name == "HEAD" else f"{name}/" for name in missing)
    worst = next(name for name in ("objects", "refs", "HEAD") if name in missing)
    return NoRepository(f"{git_directory} is a damaged git repository: it lacks {parts}", remedies[worst])


def open_repository(path: Path, top: Path | None) -> pygit2.Repository:
    """Open the git directory `path` of the working copy `top` with libgit2.

    Raises `GitstoreError` for a repository that git does not trust, is in a format that gitstore does not
    know, or cannot be opened.
    """
    _allow_extensions()
    try:
        return _open(path)
    except pygit2.GitError as error:
        if not _is_trusted(path, top, error):
            raise _refusal(path, error) from error
        return _open_trusted(path)


def check_format(common: Path) -> None:
    """Raise `GitstoreError` for a repository in a format that git may know, and gitstore does not."""
    try:
        config = pygit2.Config(str(common / "config"))
    except (OSError, pygit2.GitError):
        return
    for key, supported, problem, remedy in _FORMATS:
        if key in config and str(config[key]).lower() != supported:
            raise GitstoreError(f"{common} {problem}", remedy)


def _open(path: Path) -> pygit2.Repository:
    return pygit2.Repository(str(path), pygit2.enums.RepositoryOpenFlag.NO_SEARCH)


def _is_trusted(path: Path, top: Path | None, error: pygit2.GitError) -> bool:
    """Whether git trusts somebody else's repository that libgit2 does not.

    libgit2 does not read the file that GIT_CONFIG_GLOBAL names.
    """
    if _FOREIGN.search(str(error)) is None:
        return False
    # git must find the repository itself: with GIT_DIR set, it would not check who owns it.
    directory = top or (path.parent if path.name == ".git" else path)
    return git.attempt("rev-parse", "--git-dir", cwd=directory).returncode == 0


def _open_trusted(path: Path) -> pygit2.Repository:
    pygit2.settings.owner_validation = False
    try:
        return _open(path)
    finally:
        pygit2.settings.owner_validation = True


def _refusal(path: Path, error: pygit2.GitError) -> GitstoreError:
    """Return the error for a repository that libgit2 does not open."""
    foreign = _FOREIGN.search(str(error))
    if foreign is not None:
        return GitstoreError(
            f"{foreign[1]} belongs to another user, and git is not configured to trust it",
            f"if you trust it: git config --global --add safe.directory {shlex.quote(foreign[1])}",
        )
    check_format(read_common_directory(path))
    return GitstoreError(f"{path}: {error}")


@cache
def _allow_extensions() -> None:
    """Let libgit2 open repositories with extensions that do not concern what gitstore uses it for."""
    pygit2.option(pygit2.enums.Option.SET_EXTENSIONS, ["partialclone", "refstorage"], 2)
