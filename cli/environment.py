"""Environment variables: which of them git and uv may get."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from gitstore.errors import GitstoreError, NotAModel

# What git sets for its hooks and aliases. -C and the current directory say which repository is
# meant; these would silently point our git processes at another one.
GIT_LOCAL_VARIABLES = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


class OtherRepository(GitstoreError):
    """git was given another repository or working copy than the one that gitstore would act on."""

    exit_code = 2
    kind = "usage"


def remove_git_variables() -> dict[str, str]:
    """Remove git's variables from the environment, and return them."""
    return {name: os.environ.pop(name) for name in GIT_LOCAL_VARIABLES if name in os.environ}


def select_uv_variables() -> dict[str, str]:
    """Return the variables that uv gets."""
    from gitstore.environments import uv

    return uv.select_variables(os.environ)


def refuse_other_repository(git_variables: Mapping[str, str], directory: Path) -> None:
    """Refuse `git --git-dir=OTHER gitstore`: raise `OtherRepository` unless `git_variables` agree with it.

    This concerns only `git gitstore`, where a person may have given them to git. A hook that calls gitstore
    for another directory inherits these variables from git, but means the directory.
    """
    if Path(sys.argv[0]).name != "git-gitstore" or not git_variables.keys() & {"GIT_DIR", "GIT_WORK_TREE"}:
        return
    from gitstore.git.repository import Repository

    try:
        repository = Repository.discover(directory)
    except NotAModel:
        repository = None
    git_directory, work_tree = git_variables.get("GIT_DIR"), git_variables.get("GIT_WORK_TREE")
    if git_directory and not _is_same(
        _git_directory(Path(git_directory)), repository.git_directory if repository else None
    ):
        raise _make_error("GIT_DIR", git_directory, kind="repository", directory=directory)
    if work_tree and not _is_same(Path(work_tree), repository.directory if repository else None):
        raise _make_error("GIT_WORK_TREE", work_tree, kind="working copy", directory=directory)


def _is_same(named: Path | None, ours: Path | None) -> bool:
    return named is not None and ours is not None and named.resolve() == ours.resolve()


def _make_error(name: str, value: str, *, kind: str, directory: Path) -> OtherRepository:
    return OtherRepository(
        f"{name} is {value}, another {kind} than that of {directory.absolute()}",
        "git -C DIR gitstore acts on the model in DIR",
    )


def _git_directory(path: Path) -> Path | None:
    """The git directory that GIT_DIR names, which may be a file that leads there; `None` if there is none."""
    from gitstore.git.repository import Repository

    try:
        return Repository(path.absolute()).git_directory
    except GitstoreError:
        return None
