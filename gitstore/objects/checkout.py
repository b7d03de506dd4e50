"""Files of a stored tree as a working copy has them: stock git writes them, filters and line ends as it does.

They go into a directory of ours. From there a caller renames each to its place, so that whoever
reads the working copy sees a file as it was or as it becomes, and never half of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from gitstore.layout import TOP
from gitstore.objects.oid import Oid
from gitstore.objects.repository import Repository

_ATTRIBUTES = ".gitattributes"


def check_out(
    repository: Repository, tree: Oid, at: PurePosixPath, paths: Iterable[PurePosixPath], target: Path
) -> Path:
    """Write those files of a tree that are at `paths`, as if the tree lay at `at` of the working copy.

    They go below `target`, a new directory; returns where in there the tree begins. The working copy
    and its index stay as they are. Raises `GitFailed`.
    """
    top = target / "files"
    (top / at).mkdir(parents=True)
    for folder in at.parents:
        attributes = repository.directory / folder / _ATTRIBUTES
        if attributes.is_file():
            shutil.copyfile(attributes, top / folder / _ATTRIBUTES)
    variables = {"GIT_INDEX_FILE": str((target / "index").absolute())}
    below = () if at == TOP else (f"--prefix={at}/",)
    repository.git("read-tree", *below, str(tree), variables=variables)
    variables["GIT_WORK_TREE"] = str(top.absolute())
    names = "".join(f"{at / path}\0" for path in paths)
    repository.git(
        "checkout-index", "-z", "--stdin", stdin=names.encode("utf-8", "surrogateescape"), variables=variables
    )
    return top / at
