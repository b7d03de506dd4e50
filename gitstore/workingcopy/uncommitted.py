"""The files of a working copy that differ from the branch, as `git status` lists them: git-status(1)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import NamedTuple

from gitstore.git.repository import Repository


class UncommittedFile(NamedTuple):
    """A file that `git status` lists. `marks` has its two letters, for the index and for the disk."""

    marks: str
    path: str


def list_uncommitted(
    repository: Repository,
    paths: Iterable[str | PurePosixPath] = (),
    *,
    with_ignored: bool = False,
    variables: Mapping[str, str] | None = None,
) -> list[UncommittedFile]:
    """List the files at and below `paths`, or all, that are not as the branch has them.

    Untracked files are included, ignored ones only if asked for. Each path is one file, but for directories
    that are ignored as a whole. `variables` may lead to a copy of the index.
    """
    options = ("--ignored=traditional",) if with_ignored else ()
    listed = repository.git(
        "--no-optional-locks", "status", "--porcelain=v1", "-z", "--no-renames", "--untracked-files=all",
        *options, "--", *map(str, paths), variables=variables,
    )  # fmt: skip
    return [UncommittedFile(line[:2], line[3:]) for line in os.fsdecode(listed).split("\0")[:-1]]
