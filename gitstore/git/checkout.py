"""Checking out files of a stored tree by stock git, with its filters and line ends, and comparing the result.

The files go into a directory of gitstore's. From there, a caller renames each to its place, so that readers
of the working copy see the old file or the new one, and never a part of it.
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from functools import partial
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
    repository: Repository, tree: Oid, paths: Iterable[PurePosixPath], *, at: PurePosixPath, target: Path
) -> Path:
    """Write the files at `paths` of a tree, as if the tree were at `at` in the working copy.

    They go below the new directory `target`. Returns the directory in it that stands for the tree. The
    working copy and its index do not change. Raises `GitstoreError` if git has not written all of them.
    """
    entries = stored.list_entries(repository.objects, tree)
    attributes.check_sizes(repository, tree, entries)
    top = target / "files"
    (top / at).mkdir(parents=True)
    for folder in at.parents:
        rules_file = repository.directory / folder / _ATTRIBUTES
        if rules_file.is_file():
            shutil.copyfile(rules_file, top / folder / _ATTRIBUTES)
    variables = {"GIT_INDEX_FILE": str((target / "index").absolute())}
    prefix = () if at == TOP else (f"--prefix={at}/",)
    repository.git("read-tree", *prefix, str(tree), variables=variables)
    variables["GIT_WORK_TREE"] = str(top.absolute())
    paths = list(paths)
    names = "".join(f"{at / path}\0" for path in paths)
    repository.git(
        "checkout-index", "-z", "--stdin", stdin=names.encode("utf-8", "surrogateescape"), variables=variables
    )
    written = {at / path: entries[path] for path in paths}
    check_complete(repository, written, top, git_directory=repository.git_directory)
    return top / at


def check_complete(
    repository: Repository,
    entries: Mapping[PurePosixPath, FileEntry],
    top: Path,
    *,
    git_directory: Path | None = None,
) -> None:
    """Compare a directory with files of a tree that git has checked out there. Other files do not matter.

    git can succeed although it could not write a file, or could not read the rules for converting it.
    `git_directory` is that of the working copy, if `top` has no `.git` yet. Raises `GitstoreError`, which
    names the first files that differ from the tree.
    """
    options = (f"--git-dir={git_directory}", f"--work-tree={top}") if git_directory is not None else ()
    has_modes, has_links = (
        (repository.config(key) or "true") == "true" for key in ("core.fileMode", "core.symlinks")
    )
    different = [
        path
        for path, entry in entries.items()
        if not _is_as_stored(path, entry, top=top, options=options, has_modes=has_modes, has_links=has_links)
    ]
    if different:
        raise GitstoreError(f"git has not written {list_some(different)} as stored")


def _is_as_stored(
    path: PurePosixPath,
    entry: FileEntry,
    *,
    top: Path,
    options: tuple[str, ...],
    has_modes: bool,
    has_links: bool,
) -> bool:
    """Whether a file or link below `top` is what the tree's entry says."""
    mode, oid = entry
    try:
        status = (top / path).lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    if stat.S_ISLNK(status.st_mode):
        return mode == Mode.LINK and Oid.of(Kind.BLOB, os.fsencode((top / path).readlink())) == oid
    # With core.symlinks off, git writes a file in place of a link.
    if not stat.S_ISREG(status.st_mode) or (mode == Mode.LINK and has_links):
        return False
    if mode != Mode.LINK and has_modes and bool(status.st_mode & 0o100) != bool(mode & 0o100):
        return False
    return hash_file(top / path, status.st_size) == oid or _is_clean(path, oid, top=top, options=options)


def _is_clean(path: PurePosixPath, oid: Oid, *, top: Path, options: tuple[str, ...]) -> bool:
    """Whether git would store a file as this blob, after undoing its own filters and line ends."""
    hashed = git.attempt(*options, "hash-object", "--", str(path), cwd=top)
    return hashed.returncode == 0 and hashed.stdout.strip() == str(oid).encode()


def hash_as_blob(path: Path) -> Oid | None:
    """Return the id of a file's or link's bytes as a blob; `None` if there is neither at `path`."""
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(status.st_mode):
        return Oid.of(Kind.BLOB, os.fsencode(path.readlink()))
    return hash_file(path, status.st_size) if stat.S_ISREG(status.st_mode) else None


def hash_file(path: Path, size: int) -> Oid:
    """Return the id of a file's bytes, `size` of them, as a blob. Reads piece by piece. Raises `OSError`."""
    with path.open("rb") as file:
        return Oid.of_pieces(Kind.BLOB, iter(partial(file.read, _CHUNK), b""), size=size)
