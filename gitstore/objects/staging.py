"""The working copy's code as git would commit it, without touching branch, index or files.

A copy of the index and a quarantine for new objects let stock `git add` do the work, so that ignore
rules, attributes and filters mean what they always mean. What it made moves into our pack.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.objects import tree
from gitstore.objects.database import ObjectDatabase, read_loose
from gitstore.objects.object_writer import ObjectWriter
from gitstore.objects.oid import Oid
from gitstore.objects.repository import Repository
from gitstore.objects.stored import leads_out


class Staged(NamedTuple):
    """The code directory as git would commit it: its tree, its bytes, and the mode and id of each file."""

    tree: Oid
    size: int
    files: dict[PurePosixPath, tuple[int, Oid]]


def stage(repository: Repository, writer: ObjectWriter, code: PurePosixPath) -> Staged:
    """Add the code directory to a write, as it is on disk: uncommitted edits are in, ignored files are not.

    Raises `GitstoreError` if there is no code, or for what a snapshot cannot hold: a nested
    repository, or a link that leads out of the directory.
    """
    if not (repository.directory / code).is_dir():
        raise GitstoreError(f"{repository.directory / code} is not there, so there is no code to take")
    with _quarantine(repository) as (objects, variables):
        # Loose objects, whatever their size, are what we know how to take over.
        repository.git(
            "-c", "core.bigFileThreshold=2g", "-c", "advice.addEmbeddedRepo=false",
            "add", "--all", "--", str(code), variables=variables,
        )  # fmt: skip
        top = Oid.parse(repository.git("write-tree", variables=variables).decode().strip())
        moving = _Moving(ObjectDatabase(objects), writer, code)
        tree_oid = moving.subtree(top)
        if tree_oid is None:
            raise GitstoreError(f"{repository.directory / code} has no files that git does not ignore")
        moving.take(tree_oid, PurePosixPath())
        return Staged(tree_oid, moving.size, moving.files)


@contextmanager
def _quarantine(repository: Repository) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """A directory for new objects, and the environment that makes git use it, and a copy of the index."""
    repository.private.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tmp_stage_", dir=repository.private) as name:
        objects, index = Path(name, "objects"), Path(name, "index")
        objects.mkdir()
        try:
            # With its times: git compares them with those of the files to tell which it must read.
            shutil.copy2(repository.git_directory / "index", index)
        except FileNotFoundError:
            pass
        yield (
            objects,
            {
                "GIT_INDEX_FILE": str(index),
                "GIT_OBJECT_DIRECTORY": str(objects),
                "GIT_ALTERNATE_OBJECT_DIRECTORIES": _quoted(repository.common / "objects"),
            },
        )


def _quoted(path: Path) -> str:
    """A path for GIT_ALTERNATE_OBJECT_DIRECTORIES, where a colon separates; git(1) has the quoting."""
    escaped = str(path).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Moving:
    """Takes over, from the quarantine, what the repository lacks; notes what it passes."""

    def __init__(self, quarantine: ObjectDatabase, writer: ObjectWriter, code: PurePosixPath) -> None:
        self.size = 0
        self.files: dict[PurePosixPath, tuple[int, Oid]] = {}
        self._quarantine = quarantine
        self._writer = writer
        self._code = code

    def subtree(self, top: Oid) -> Oid | None:
        """The tree of the code directory, if git has any files there."""
        here: Oid | None = top
        for step in self._code.parts:
            entries = {entry.name: entry for entry in tree.parse(self._read(here))} if here else {}
            entry = entries.get(os.fsencode(step))
            here = entry.oid if entry is not None and entry.is_tree else None
        return here

    def take(self, oid: Oid, at: PurePosixPath) -> None:
        """Take over a tree and all below it. Raises `GitstoreError` for what a snapshot cannot hold."""
        for entry in tree.parse(self._read(oid)):
            path = at / os.fsdecode(entry.name)
            if entry.is_tree:
                self.take(entry.oid, path)
            else:
                self._check(path, entry)
                self.size += self._size(entry.oid)
                self.files[path] = (entry.mode, entry.oid)
                self._object(entry.oid)
        self._object(oid)

    def _check(self, path: PurePosixPath, entry: tree.TreeEntry) -> None:
        shown = self._code / path
        if entry.mode == tree.Mode.GITLINK:
            raise GitstoreError(
                f"{shown} is a git repository of its own, which a snapshot cannot hold",
                f"remove {shown}/.git to make it part of the code, or ignore it",
            )
        if entry.mode == tree.Mode.LINK:
            goal = os.fsdecode(self._read(entry.oid))
            if leads_out(path, goal):
                raise GitstoreError(
                    f"{shown} is a link to {goal}, outside {self._code}/, which a snapshot cannot hold",
                    "put a copy of the file in its place, or ignore it",
                )

    def _size(self, oid: Oid) -> int:
        return len(self._read(oid)) if self._quarantine.loose_path(oid) else self._writer.database.size(oid)

    def _object(self, oid: Oid) -> None:
        path = self._quarantine.loose_path(oid)
        if path is not None:
            self._writer.add(*read_loose(path))

    def _read(self, oid: Oid) -> bytes:
        path = self._quarantine.loose_path(oid)
        return (read_loose(path) if path is not None else self._writer.database.read(oid))[1]
