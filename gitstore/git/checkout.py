"""Files of a stored tree as a working copy has them: stock git writes them, filters and line ends as it does.

They go into a directory of ours. From there a caller renames each to its place, so that whoever
reads the working copy sees a file as it was or as it becomes, and never half of it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from gitstore.bigfiles import stored
from gitstore.bigfiles.stored import FileEntry
from gitstore.errors import GitstoreError
from gitstore.git import attributes
from gitstore.git import process as git
from gitstore.git.repository import Repository
from gitstore.layout import TOP
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid
from gitstore.text import list_some

_ATTRIBUTES = ".gitattributes"
_CHUNK = 1024 * 1024


def check_out(
    repository: Repository, tree: Oid, at: PurePosixPath, paths: Iterable[PurePosixPath], target: Path
) -> Path:
    """Write those files of a tree that are at `paths`, as if the tree lay at `at` of the working copy.

    They go below `target`, a new directory; returns where in there the tree begins. The working copy
    and its index stay as they are. Raises `GitstoreError` if not all of them are there then.
    """
    attributes.check_sizes(repository, tree)
    top = target / "files"
    (top / at).mkdir(parents=True)
    for folder in at.parents:
        rules_file = repository.directory / folder / _ATTRIBUTES
        if rules_file.is_file():
            shutil.copyfile(rules_file, top / folder / _ATTRIBUTES)
    variables = {"GIT_INDEX_FILE": str((target / "index").absolute())}
    below = () if at == TOP else (f"--prefix={at}/",)
    repository.git("read-tree", *below, str(tree), variables=variables)
    variables["GIT_WORK_TREE"] = str(top.absolute())
    wanted = list(paths)
    names = "".join(f"{at / path}\0" for path in wanted)
    repository.git(
        "checkout-index", "-z", "--stdin", stdin=names.encode("utf-8", "surrogateescape"), variables=variables
    )
    entries = stored.file_entries(repository.objects, tree)
    written = {at / path: entries[path] for path in wanted}
    check_written(repository, written, top, git_directory=repository.git_directory)
    return top / at


def check_complete(
    repository: Repository, tree: Oid, top: Path, *, git_directory: Path | None = None
) -> None:
    """Compare a directory with the tree that git has checked out there; files beside those do not matter.

    Git may end well although it could not write a file, or read what says how to write it.
    `git_directory` is that of the working copy, if `top` has none yet. Raises `GitstoreError`, which
    names the first file that is not there as it should be.
    """
    check_written(repository, stored.file_entries(repository.objects, tree), top, git_directory=git_directory)


def check_written(
    repository: Repository,
    entries: Mapping[PurePosixPath, FileEntry],
    top: Path,
    *,
    git_directory: Path | None = None,
) -> None:
    """The same for some files of a tree."""
    here = (f"--git-dir={git_directory}", f"--work-tree={top}") if git_directory is not None else ()
    has_modes, has_links = (
        (repository.config(key) or "true") == "true" for key in ("core.fileMode", "core.symlinks")
    )
    others = [
        path
        for path, entry in entries.items()
        if not _holds(top, here, path, entry, has_modes=has_modes, has_links=has_links)
    ]
    if others:
        raise GitstoreError(f"git has not written {list_some(others)} as stored")


def _holds(
    top: Path,
    here: tuple[str, ...],
    path: PurePosixPath,
    entry: FileEntry,
    *,
    has_modes: bool,
    has_links: bool,
) -> bool:
    """Whether a file, or a link, is what a tree's entry says."""
    mode, oid = entry
    try:
        status = (top / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if stat.S_ISLNK(status.st_mode):
        return mode == Mode.LINK and Oid.of(Kind.BLOB, os.fsencode((top / path).readlink())) == oid
    # Where core.symlinks is off, git writes a file for a link.
    if not stat.S_ISREG(status.st_mode) or (mode == Mode.LINK and has_links):
        return False
    if mode != Mode.LINK and has_modes and bool(status.st_mode & 0o100) != bool(mode & 0o100):
        return False
    return _hash(top / path, status.st_size) == oid or _is_clean(top, here, path, oid)


def _is_clean(top: Path, here: tuple[str, ...], path: PurePosixPath, oid: Oid) -> bool:
    """Whether git would store a file like this: it undoes filters and line ends of its own making."""
    hashed = git.attempt(*here, "hash-object", "--", str(path), cwd=top)
    return hashed.returncode == 0 and hashed.stdout.strip() == str(oid).encode()


def content_id(path: Path) -> Oid | None:
    """The id of the blob that a file, or a link, would be as it is on disk; `None` if there is neither."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(status.st_mode):
        return Oid.of(Kind.BLOB, os.fsencode(path.readlink()))
    return _hash(path, status.st_size) if stat.S_ISREG(status.st_mode) else None


def _hash(path: Path, size: int) -> Oid:
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return Oid(digest.digest())
