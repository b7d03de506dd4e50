"""The working copy's code as git would commit it, without touching branch, index or files.

A copy of the index and a quarantine for new objects let stock `git add` do the work, so that ignore
rules, attributes and filters mean what they always mean. What it made moves into our pack.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.layout import BESIDE_CODE, TOP
from gitstore.objects import tree
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.git import GitFailed
from gitstore.objects.object_writer import ObjectWriter
from gitstore.objects.oid import Oid
from gitstore.objects.repository import Repository
from gitstore.objects.stored import DEEPEST, FileEntry, leads_out, link_goal, read_tree

# What git writes is read once and gone: loose objects, uncompressed; an index of its own, in one piece.
_PASSING = (
    "-c", "core.bigFileThreshold=2g", "-c", "core.looseCompression=0", "-c", "core.splitIndex=false",
    "-c", "advice.addEmbeddedRepo=false",
)  # fmt: skip

# Where the top is the code directory, this keeps what is no code out. The brackets are for git add, which
# fails if an exclusion names an ignored file; it looks at the text before the first wildcard only.
_BUT_NO_CODE = tuple(
    f":(top,exclude,glob)[{name[0]}]{name[1:]}{below}" for name in BESIDE_CODE for below in ("", "/**")
)

# A nested repository without a commit is an error to git add; one with a commit is a submodule to it.
_UNBORN = re.compile("'(.+)/' does not have a commit checked out")


class Staged(NamedTuple):
    """The code directory as git would commit it: its tree, its bytes, and the mode and id of each file."""

    tree: Oid
    size: int
    files: dict[PurePosixPath, FileEntry]


def stage(
    repository: Repository,
    writer: ObjectWriter,
    code: PurePosixPath,
    *,
    check: Callable[[Staged], None] = lambda _: None,
) -> Staged:
    """Add the code directory to a write, as it is on disk: uncommitted edits are in, ignored files are not.

    At the top of the repository, code is all but settings.yaml, packages.lock and states/.
    `check` sees what was found before any file of it is read into memory, and may raise.
    Raises `GitstoreError` if there is no code, or for what a snapshot cannot hold: a nested
    repository, or a link that leads out of the directory.
    """
    if not (repository.directory / code).is_dir():
        raise GitstoreError(f"{repository.directory / code} is not there, so there is no code to take")
    with quarantine(repository) as (objects, variables):
        _add(repository, code, variables)
        top = _write_tree(repository, variables)
        moving = _Moving(ObjectDatabase(objects), writer, code)
        tree_oid = moving.subtree(top)
        if tree_oid is None:
            raise GitstoreError(f"{repository.directory / code} has no files that git does not ignore")
        moving.look(tree_oid, PurePosixPath())
        staged = Staged(tree_oid, moving.size, moving.files)
        check(staged)
        moving.take()
        return staged


def listing(
    repository: Repository, code: PurePosixPath, ignored: Iterable[PurePosixPath] = ()
) -> dict[PurePosixPath, FileEntry]:
    """The mode and id that each file of the code directory has, as `stage` would find them; adds nothing.

    Those `ignored` are told too, if they are there. Raises `GitstoreError` for a nested repository.
    """
    if not (repository.directory / code).is_dir():
        return {}
    forced = "".join(f"{code / path}\0" for path in ignored).encode("utf-8", "surrogateescape")
    with quarantine(repository) as (_, variables):
        _add(repository, code, variables)
        if forced:
            force = ("add", "--force", "--pathspec-from-file=-", "--pathspec-file-nul")
            repository.git(*_PASSING, *force, stdin=forced, variables=variables)
        command = ("ls-files", "--stage", "-z", "--", str(code))
        lines = repository.git(*command, variables=variables).decode("utf-8", "surrogateescape")
    found: dict[PurePosixPath, FileEntry] = {}
    for line in lines.split("\0")[:-1]:
        entry, _, name = line.partition("\t")
        mode, oid, _ = entry.split(" ")
        path = PurePosixPath(name)
        if int(mode, 8) == tree.Mode.GITLINK:
            raise _nested(path)
        found[path.relative_to(code)] = int(mode, 8), Oid.parse(oid)
    return found


def code_tree(repository: Repository, code: PurePosixPath, variables: Mapping[str, str]) -> Oid | None:
    """In a quarantine, the tree as which git would commit the code directory; `None` if there is no code.

    Nothing is checked but for nested repositories without a commit: for those it raises `GitstoreError`.
    """
    if not (repository.directory / code).is_dir():
        return None
    _add(repository, code, variables)
    top = _write_tree(repository, variables)
    if code == TOP:
        return top if repository.git("ls-tree", str(top), variables=variables) else None
    listed = repository.git("ls-tree", "-z", str(top), "--", str(code), variables=variables)
    words = listed.partition(b"\t")[0].split()
    return Oid.parse(words[2].decode()) if words[1:2] == [b"tree"] else None


def _add(repository: Repository, code: PurePosixPath, variables: Mapping[str, str]) -> None:
    """Bring the copy of the index to what the code directory has; at the top, to that and nothing else."""
    add: tuple[str, ...] = ("add", "--all", "--", str(code))
    if code == TOP:
        remove = ("rm", "--cached", "-r", "--force", "--sparse", "--quiet", "--ignore-unmatch", "--")
        repository.git(*_PASSING, *remove, *BESIDE_CODE, variables=variables)
        variables = {**variables, "GIT_LITERAL_PATHSPECS": "0"}
        add = ("add", "--all", "--", str(code), *_BUT_NO_CODE)
    try:
        repository.git(*_PASSING, *add, variables=variables)
    except GitFailed as error:
        unborn = _UNBORN.search(error.stderr)
        raise (_nested(PurePosixPath(unborn[1])) if unborn else error) from error


def _write_tree(repository: Repository, variables: Mapping[str, str]) -> Oid:
    return Oid.parse(repository.git(*_PASSING, "write-tree", variables=variables).decode().strip())


def is_beside(code: PurePosixPath, path: PurePosixPath) -> bool:
    """Whether a path in the code directory is none of the code: settings.yaml at the top, for instance."""
    return code == TOP and path.parts[:1] != () and path.parts[0] in BESIDE_CODE


def check_link(code: PurePosixPath, path: PurePosixPath, goal: str) -> None:
    """Raise `GitstoreError` for a link at `path` of the code directory whose target is no code."""
    target = PurePosixPath(os.path.normpath(path.parent / goal))
    if leads_out(path, goal) or is_beside(code, target):
        where = "which is no code" if code == TOP else f"outside {code}/, which a snapshot cannot hold"
        raise GitstoreError(
            f"{code / path} is a link to {goal}, {where}",
            "put a copy of the file in its place, or ignore it",
        )


def _nested(path: PurePosixPath) -> GitstoreError:
    return GitstoreError(
        f"{path} is a git repository of its own, which a snapshot cannot hold",
        f"remove {path}/.git to make it part of the code, or ignore it",
    )


@contextmanager
def quarantine(repository: Repository, *others: Repository) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """A directory for new objects, and the environment that makes git use it, and a copy of the index.

    git sees the objects of the repository, and of the others; what it makes is gone with the block.
    """
    repository.private.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tmp_stage_", dir=repository.private) as name:
        objects, index = Path(name, "objects"), Path(name, "index")
        objects.mkdir()
        _copy_index(repository, index)
        yield (
            objects,
            {
                "GIT_INDEX_FILE": str(index),
                "GIT_OBJECT_DIRECTORY": str(objects),
                **borrowing(repository, *others),
            },
        )


@contextmanager
def copied_index(repository: Repository) -> Iterator[Mapping[str, str]]:
    """The environment that makes git use a copy of the index, by which it looks at every file there is."""
    repository.private.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tmp_stage_", dir=repository.private) as name:
        _copy_index(repository, Path(name, "index"))
        yield {"GIT_INDEX_FILE": str(Path(name, "index"))}


def _copy_index(repository: Repository, index: Path) -> None:
    """Copy the index, but for the marks by which git does not look at a file (git-update-index(1)).

    What a sparse checkout has left out stays marked: it is not there.
    """
    try:
        # With its times: git compares them with those of the files to tell which it must read.
        shutil.copy2(repository.git_directory / "index", index)
    except FileNotFoundError:
        return
    variables = {"GIT_INDEX_FILE": str(index)}
    listed = repository.git("ls-files", "-v", "-z", variables=variables).split(b"\0")[:-1]
    assumed = [line[2:] for line in listed if line[:1].islower()]
    skipped = [line[2:] for line in listed if line[:1] in b"Ss" and _is_there(repository, line[2:])]
    for option, paths in (("--no-assume-unchanged", assumed), ("--no-skip-worktree", skipped)):
        if paths:
            names = b"".join(path + b"\0" for path in paths)
            repository.git("update-index", option, "-z", "--stdin", stdin=names, variables=variables)


def _is_there(repository: Repository, path: bytes) -> bool:
    return os.path.lexists(repository.directory / os.fsdecode(path))


def borrowing(*repositories: Repository) -> dict[str, str]:
    """The environment in which git reads objects of these repositories, too."""
    directories = (_quoted(each.common / "objects") for each in repositories)
    return {"GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(directories)}


def _quoted(path: Path) -> str:
    """A path for GIT_ALTERNATE_OBJECT_DIRECTORIES, where a colon separates; git(1) has the quoting."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Moving:
    """Takes over, from the quarantine, what the repository lacks."""

    def __init__(self, quarantine: ObjectDatabase, writer: ObjectWriter, code: PurePosixPath) -> None:
        self.size = 0
        self.files: dict[PurePosixPath, FileEntry] = {}
        self._quarantine = quarantine
        self._writer = writer
        self._code = code
        self._objects: list[Oid] = []

    def subtree(self, top: Oid) -> Oid | None:
        """The tree of the code directory, if git has any files there."""
        here: Oid | None = top if self._entries(top) else None
        for step in self._code.parts:
            entries = {entry.name: entry for entry in self._entries(here)} if here else {}
            entry = entries.get(os.fsencode(step))
            here = entry.oid if entry is not None and entry.is_tree else None
        return here

    def look(self, oid: Oid, at: PurePosixPath) -> None:
        """Note a tree and all below it, without reading a file.

        Raises `GitstoreError` for what a snapshot cannot hold.
        """
        for entry in self._entries(oid):
            path = at / os.fsdecode(entry.name)
            self._check(path, entry)
            if entry.is_tree:
                self.look(entry.oid, path)
            else:
                self.size += self._where(entry.oid).size(entry.oid)
                self.files[path] = (entry.mode, entry.oid)
                self._objects.append(entry.oid)
        self._objects.append(oid)

    def take(self) -> None:
        """Take over what was noted."""
        for oid in self._objects:
            if oid in self._quarantine:
                self._writer.add(*self._quarantine.read(oid))

    def _check(self, path: PurePosixPath, entry: tree.TreeEntry) -> None:
        shown = self._code / path
        problem = tree.name_problem(entry.name)
        if problem is not None:
            raise GitstoreError(f"{shown}: {path.name!r} {problem}", "rename, remove or ignore it")
        if len(path.parts) > DEEPEST:
            raise GitstoreError(f"{shown} lies more than {DEEPEST} directories deep", "move it up")
        if entry.mode == tree.Mode.GITLINK:
            raise _nested(shown)
        if entry.mode == tree.Mode.LINK:
            check_link(self._code, path, link_goal(self._where(entry.oid), entry.oid))

    def _entries(self, oid: Oid) -> list[tree.TreeEntry]:
        return read_tree(self._where(oid), oid)

    def _where(self, oid: Oid) -> ObjectDatabase:
        return self._quarantine if oid in self._quarantine else self._writer.database
