"""The files of a directory of the working copy that git does not ignore, found by a walk of our own.

Git says what it ignores and what its index has. Which files there are is not left to git: it skips,
with a mere warning, directories that it cannot open, and it believes flags of its index
(assume-unchanged, skip-worktree) and its caches more than the disk.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gitstore import text as quoting
from gitstore.bigfiles.stat_cache import Stamp, file_clock
from gitstore.bigfiles.stored import DEEPEST, FileEntry
from gitstore.errors import FileChanged, GitstoreError
from gitstore.git import process as git
from gitstore.git.repository import Repository
from gitstore.layout import BESIDE_CODE, TOP
from gitstore.objects.tree import Mode
from gitstore.packs import limits
from gitstore.packs.oid import Oid

_AS_ON_DISK = ("-c", "core.untrackedCache=false")
"""With this, git looks at the disk itself."""


_PATIENCE = 0.1
"""Seconds to wait at the most for the file system's clock to pass a file's time; a tick takes 1 to 10 ms."""


class WorkingFile(NamedTuple):
    """A file or link as it was found, not followed; `mode` is the one that git would store."""

    mode: int
    stamp: Stamp


@dataclass(frozen=True)
class WorkingFiles:
    """The files of the directory `at` of a working copy. Paths are relative to it.

    `index` is what git's index has; `sparse` are those of it that a sparse checkout keeps from the
    disk; `unmerged` are those in conflict.
    """

    repository: Repository
    at: PurePosixPath
    files: dict[PurePosixPath, WorkingFile] = field(default_factory=dict)
    index: dict[PurePosixPath, FileEntry] = field(default_factory=dict)
    sparse: dict[PurePosixPath, FileEntry] = field(default_factory=dict)
    unmerged: list[PurePosixPath] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        """Where the files are."""
        return self.repository.directory / self.at

    @property
    def size(self) -> int:
        """Bytes of all files, those of a sparse checkout included."""
        on_disk = sum(file.stamp.size for file in self.files.values())
        return on_disk + sum(self.repository.objects.size(oid) for _, oid in self.sparse.values())

    def settle(self) -> None:
        """Wait until the clock has passed all stamps, so that whatever is written from now on shows in them.

        In vain, but not for long, for a file from the future.
        """
        patience = time.monotonic() + _PATIENCE
        while time.monotonic() < patience:
            now = file_clock()
            if all(file.stamp.is_settled(now) for file in self.files.values()):
                return
            time.sleep(0.001)

    def check_unchanged(self) -> None:
        """Raise `FileChanged` if there are others now: files that are new, gone or changed."""
        now = dict(_on_disk(self))
        for path in sorted(self.files.keys() | now.keys()):
            if self.files.get(path) != now.get(path):
                raise FileChanged(self.directory / path)


def scan(repository: Repository, at: PurePosixPath, ignored: Iterable[PurePosixPath] = ()) -> WorkingFiles:
    """List the files of a directory, and those of the `ignored` that are there.

    Raises `GitstoreError` for a nested repository, and for a file or directory that cannot be read or
    lies too deep, unless git ignores it.
    """
    found = WorkingFiles(repository, at)
    skipped = _read_index(found)
    found.files.update(_on_disk(found))
    for path in ignored:
        status = (found.directory / path).lstat()
        found.files[path] = WorkingFile(_Modes.of(found).of_file(path, status), Stamp.of(status))
    found.sparse.update({path: found.index[path] for path in skipped if not _is_taken(found, path)})
    return found


def _on_disk(found: WorkingFiles) -> Iterator[tuple[PurePosixPath, WorkingFile]]:
    """The files that git does not ignore."""
    if not found.directory.is_dir():
        return
    modes = _Modes.of(found)
    for path, status in _Walk(found, _Ignored.ask(found.repository, found.at)).files():
        yield path, WorkingFile(modes.of_file(path, status), Stamp.of(status))


def _is_taken(found: WorkingFiles, path: PurePosixPath) -> bool:
    """Whether something is on disk in the place of a file that a sparse checkout leaves out."""
    return os.path.lexists(found.directory / path) or any(parent in found.files for parent in path.parents)


def _read_index(found: WorkingFiles) -> list[PurePosixPath]:
    """Fill in what the index has; returns the entries that a sparse checkout leaves out."""
    lines = _ask(found.repository, "ls-files", "-z", "--stage", "-t", "--", str(found.at))
    skipped = []
    for line in lines:
        entry, _, name = line.partition("\t")
        tag, mode, oid, stage = entry.split(" ")
        path = PurePosixPath(name).relative_to(found.at)
        if is_beside(found.at, path):
            continue
        if int(mode, 8) == Mode.GITLINK and (found.directory / path).is_dir():
            raise nested(found.at / path)
        if stage != "0":
            if path not in found.unmerged:
                found.unmerged.append(path)
            continue
        found.index[path] = int(mode, 8), Oid.parse(oid)
        if tag == "S" and int(mode, 8) != Mode.GITLINK:
            skipped.append(path)
    return skipped


class _Modes(NamedTuple):
    """Which modes git believes: some file systems have no bit for programs, or no links."""

    known: dict[PurePosixPath, FileEntry]
    believes_bits: bool
    has_links: bool

    @classmethod
    def of(cls, found: WorkingFiles) -> _Modes:
        config = found.repository.config
        return cls(found.index, config("core.fileMode") != "false", config("core.symlinks") != "false")

    def of_file(self, path: PurePosixPath, status: os.stat_result) -> int:
        known = self.known[path][0] if path in self.known else None
        if stat.S_ISLNK(status.st_mode) or (known == Mode.LINK and not self.has_links):
            return Mode.LINK
        if not self.believes_bits:
            return known if known in (Mode.FILE, Mode.EXECUTABLE) else Mode.FILE
        return Mode.EXECUTABLE if status.st_mode & 0o100 else Mode.FILE


class _Ignored(NamedTuple):
    """What git ignores: files, directories by a rule, and directories because of all that is in them."""

    files: set[str]
    excluded: set[str]
    collapsed: set[str]

    @classmethod
    def ask(cls, repository: Repository, at: PurePosixPath) -> _Ignored:
        options = ("--others", "--ignored", "--exclude-standard", "--directory")
        listed = _ask(repository, "ls-files", "-z", *options, "--", str(at))
        directories = {path.rstrip("/") for path in listed if path.endswith("/")}
        excluded = by_rule(repository, directories)
        files = {path for path in listed if not path.endswith("/")}
        return cls(files, excluded, directories - excluded)


def by_rule(repository: Repository, paths: Iterable[str]) -> set[str]:
    """Those of the paths that a rule makes git ignore, with all that is below."""
    # "./" keeps git from taking a name such as ":(top)x" for one of its patterns.
    asked = "".join(f"./{path}\0" for path in paths)
    if not asked:
        return set()
    command = ("check-ignore", "-z", "--stdin")
    variables = repository.variables | {"GIT_LITERAL_PATHSPECS": "0"}  # which it refuses to have
    answer = git.attempt(*command, cwd=repository.directory, stdin=os.fsencode(asked), variables=variables)
    if answer.returncode > 1:  # 1: none of them
        raise git.GitFailed(command, answer.returncode, stderr=answer.stderr)
    return {path.removeprefix("./") for path in os.fsdecode(answer.stdout).split("\0")[:-1]}


@dataclass
class _Walk:
    """A walk through a directory, not following links."""

    found: WorkingFiles
    ignored: _Ignored
    _unreadable: dict[str, OSError] = field(default_factory=dict)
    _paths: int = 0

    def files(self) -> Iterator[tuple[PurePosixPath, os.stat_result]]:
        """The files, with their status. Raises `GitstoreError` at the end for what cannot be read."""
        at = "" if self.found.at == TOP else str(self.found.at)
        yield from self._below(at, PurePosixPath(), taken=True)
        if self._unreadable:
            excluded = by_rule(self.found.repository, self._unreadable)
            for shown, error in sorted(self._unreadable.items()):
                if shown not in excluded:
                    raise unreadable(PurePosixPath(shown), error) from error

    def _below(
        self, shown: str, path: PurePosixPath, *, taken: bool
    ) -> Iterator[tuple[PurePosixPath, os.stat_result]]:
        """Of a directory in which all is ignored, nothing is taken; but what git could not see is not."""
        waiting = [(shown, path, taken)]
        while waiting:
            shown, path, taken = waiting.pop()
            for entry in self._entries(shown):
                name = f"{shown}/{entry.name}" if shown else entry.name
                if name in self.ignored.excluded or name in self.ignored.files:
                    continue
                if is_beside(self.found.at, path / entry.name):
                    continue
                if entry.name == ".git" and taken:
                    if path.parts:
                        raise nested(PurePosixPath(shown))
                    if self.found.at == TOP:
                        continue
                status = self._status(entry, name)
                if status is None:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((name, path / entry.name, taken and name not in self.ignored.collapsed))
                    self._count(taken=taken)
                elif taken and (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
                    self._check_depth(path / entry.name)
                    self._count(taken=taken)
                    yield path / entry.name, status

    def _entries(self, shown: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.found.repository.directory / shown) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._unreadable[shown] = error
            return []

    def _status(self, entry: os.DirEntry[str], shown: str) -> os.stat_result | None:
        try:
            return entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None  # gone since the directory was listed
        except OSError as error:
            self._unreadable[shown] = error
            return None

    def _count(self, *, taken: bool) -> None:
        self._paths += taken
        limits.check_paths(self._paths, self.found.directory)

    def _check_depth(self, path: PurePosixPath) -> None:
        if len(path.parts) > DEEPEST:
            at = quoting.shown(str(self.found.at.joinpath(*path.parts[: DEEPEST + 1])))
            raise GitstoreError(f"{at} lies more than {DEEPEST} directories deep", "move it up")


def is_beside(at: PurePosixPath, path: PurePosixPath) -> bool:
    """Whether a path in the code directory is none of the code: settings.yaml at the top, for instance."""
    return at == TOP and path.parts[:1] != () and path.parts[0] in BESIDE_CODE


def nested(path: PurePosixPath) -> GitstoreError:
    """The error for a repository in a repository."""
    return GitstoreError(
        f"{path} is a git repository of its own, which a snapshot cannot hold",
        f"remove {path}/.git to make it part of the code, or ignore it",
    )


def unreadable(path: PurePosixPath, error: OSError) -> GitstoreError:
    """The error for code that cannot be read, so that a snapshot would lack it."""
    name = quoting.shown(str(path))
    if error.errno == errno.ENAMETOOLONG:
        return GitstoreError(f"{name}: {error.strerror}", "move it up, or make git ignore it")
    return GitstoreError(f"{name}: {error.strerror}", "make it readable, or make git ignore it")


def _ask(repository: Repository, *arguments: str) -> list[str]:
    return os.fsdecode(repository.git(*_AS_ON_DISK, *arguments)).split("\0")[:-1]
