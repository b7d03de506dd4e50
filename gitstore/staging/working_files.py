"""Scanning a directory of the working copy for the files that git does not ignore.

git says what it ignores and what its index has. gitstore itself finds the files, because git skips
directories that it cannot open, with only a warning, and trusts the flags of its index (assume-unchanged,
skip-worktree) and its caches more than the disk.
"""

from __future__ import annotations

import errno
import os
import stat
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gitstore import text as quoting
from gitstore.bigfiles.stat_cache import Stamp, read_file_clock
from gitstore.bigfiles.stored import DEEPEST, FileEntry
from gitstore.errors import FileChanged, GitstoreError
from gitstore.git import process as git
from gitstore.git.repository import Repository
from gitstore.layout import BESIDE_CODE, TOP
from gitstore.objects.tree import Mode
from gitstore.packs import limits
from gitstore.packs.oid import Oid

_AS_ON_DISK = ("-c", "core.untrackedCache=false")
"""Options that make git read the disk instead of its cache."""


_SETTLE_TIMEOUT = 0.1
"""Seconds to wait at most for the file system's clock to pass a file's time. A tick takes 1 to 10 ms."""


class WorkingFile(NamedTuple):
    """A file or a link, which is not followed. `mode` is the one that git would store."""

    mode: int
    stamp: Stamp


@dataclass(frozen=True)
class WorkingFiles:
    """The files of the directory `at` of a working copy. Paths are relative to it.

    `index` has the entries of git's index, `sparse` those that a sparse checkout leaves out, and `unmerged`
    the paths with a merge conflict. `ignored` is what git ignored at the time.
    """

    repository: Repository
    at: PurePosixPath
    ignored: _Ignored
    files: dict[PurePosixPath, WorkingFile] = field(default_factory=dict)
    index: dict[PurePosixPath, FileEntry] = field(default_factory=dict)
    sparse: dict[PurePosixPath, FileEntry] = field(default_factory=dict)
    unmerged: list[PurePosixPath] = field(default_factory=list)

    @property
    def directory(self) -> Path:
        """The directory of the files."""
        return self.repository.directory / self.at

    @property
    def size(self) -> int:
        """The size of all files in bytes, including those that a sparse checkout leaves out."""
        on_disk = sum(file.stamp.size for file in self.files.values())
        return on_disk + sum(self.repository.objects.size(oid) for _, oid in self.sparse.values())

    def settle(self) -> None:
        """Wait until the clock has passed all stamps, so that later writes show in them.

        For a file with a time in the future, the wait ends without success.
        """
        deadline = time.monotonic() + _SETTLE_TIMEOUT
        while time.monotonic() < deadline:
            clock = read_file_clock()
            if all(file.stamp.is_settled(clock) for file in self.files.values()):
                return
            time.sleep(0.001)

    def check_unchanged(self) -> None:
        """Raise `FileChanged` if a file is new, gone or changed since the scan."""
        # A new file may be in a directory that git ignored because it ignored all files there.
        if not self.ignored.collapsed and dict(_scan_disk(self)) == self.files:
            return
        current = dict(_scan_disk(replace(self, ignored=_Ignored.read(self.repository, self.at))))
        for path in sorted(self.files.keys() | current.keys()):
            if self.files.get(path) != current.get(path):
                raise FileChanged(self.directory / path)


def scan(repository: Repository, at: PurePosixPath, ignored: Iterable[PurePosixPath] = ()) -> WorkingFiles:
    """List the files of a directory, and the files in `ignored`, which must exist.

    Raises `GitstoreError` for a nested repository, and for a file or directory that cannot be read or
    is nested too deeply, unless git ignores it.
    """
    scanned = WorkingFiles(repository, at, _Ignored.read(repository, at))
    skipped = _read_index(scanned)
    scanned.files.update(_scan_disk(scanned))
    for path in ignored:
        status = (scanned.directory / path).lstat()
        scanned.files[path] = WorkingFile(_Modes.of(scanned).of_file(path, status), Stamp.of(status))
    scanned.sparse.update({path: scanned.index[path] for path in skipped if not _is_occupied(scanned, path)})
    return scanned


def _scan_disk(scanned: WorkingFiles) -> Iterator[tuple[PurePosixPath, WorkingFile]]:
    """Yield the files on disk that git does not ignore."""
    if not scanned.directory.is_dir():
        return
    modes = _Modes.of(scanned)
    for path, status in _Walk(scanned).files():
        yield path, WorkingFile(modes.of_file(path, status), Stamp.of(status))


def _is_occupied(scanned: WorkingFiles, path: PurePosixPath) -> bool:
    """Whether the disk has something in place of a file that a sparse checkout leaves out."""
    return os.path.lexists(scanned.directory / path) or any(
        parent in scanned.files for parent in path.parents
    )


def _read_index(scanned: WorkingFiles) -> list[PurePosixPath]:
    """Add the entries of the index, and return the paths that a sparse checkout leaves out."""
    lines = _run_git(scanned.repository, "ls-files", "-z", "--stage", "-t", "--", str(scanned.at))
    skipped = []
    for line in lines:
        entry, _, name = line.partition("\t")
        tag, mode, oid, stage = entry.split(" ")
        path = PurePosixPath(name).relative_to(scanned.at)
        if is_beside(scanned.at, path):
            continue
        if int(mode, 8) == Mode.GITLINK and (scanned.directory / path).is_dir():
            raise nested_repository(scanned.at / path)
        if stage != "0":
            if path not in scanned.unmerged:
                scanned.unmerged.append(path)
            continue
        scanned.index[path] = int(mode, 8), Oid.parse(oid)
        if tag == "S" and int(mode, 8) != Mode.GITLINK:
            skipped.append(path)
    return skipped


class _Modes(NamedTuple):
    """The modes that git would store. Some file systems have no executable bit, or no links."""

    entries: dict[PurePosixPath, FileEntry]
    trusts_bits: bool
    has_links: bool

    @classmethod
    def of(cls, scanned: WorkingFiles) -> _Modes:
        config = scanned.repository.config
        return cls(scanned.index, config("core.fileMode") != "false", config("core.symlinks") != "false")

    def of_file(self, path: PurePosixPath, status: os.stat_result) -> int:
        indexed_mode = self.entries[path][0] if path in self.entries else None
        if stat.S_ISLNK(status.st_mode) or (indexed_mode == Mode.LINK and not self.has_links):
            return Mode.LINK
        if not self.trusts_bits:
            return indexed_mode if indexed_mode in (Mode.FILE, Mode.EXECUTABLE) else Mode.FILE
        return Mode.EXECUTABLE if status.st_mode & 0o100 else Mode.FILE


class _Ignored(NamedTuple):
    """What git ignores: files, directories by a rule, and directories because it ignores all their files."""

    files: set[str]
    excluded: set[str]
    collapsed: set[str]

    @classmethod
    def read(cls, repository: Repository, at: PurePosixPath) -> _Ignored:
        options = ("--others", "--ignored", "--exclude-standard", "--directory")
        listed = _run_git(repository, "ls-files", "-z", *options, "--", str(at))
        directories = {path.rstrip("/") for path in listed if path.endswith("/")}
        excluded = find_excluded(repository, directories)
        files = {path for path in listed if not path.endswith("/")}
        return cls(files, excluded, directories - excluded)


def find_excluded(repository: Repository, paths: Iterable[str]) -> set[str]:
    """Return those paths that git ignores by a rule, with everything below them."""
    # "./" keeps git from taking a name such as ":(top)x" for one of its patterns.
    stdin = "".join(f"./{path}\0" for path in paths)
    if not stdin:
        return set()
    command = ("check-ignore", "-z", "--stdin")
    variables = repository.variables | {"GIT_LITERAL_PATHSPECS": "0"}  # check-ignore refuses it
    completed = git.attempt(*command, cwd=repository.directory, stdin=os.fsencode(stdin), variables=variables)
    if completed.returncode > 1:  # 1: git ignores none of them
        raise git.GitFailed(command, completed.returncode, stderr=completed.stderr)
    return {path.removeprefix("./") for path in os.fsdecode(completed.stdout).split("\0")[:-1]}


@dataclass
class _Walk:
    """A walk through a directory that does not follow links."""

    scanned: WorkingFiles
    _unreadable: dict[str, OSError] = field(default_factory=dict)
    _paths: int = 0

    def files(self) -> Iterator[tuple[PurePosixPath, os.stat_result]]:
        """Yield the files, with their status. At the end, raise `GitstoreError` for what cannot be read."""
        at = "" if self.scanned.at == TOP else str(self.scanned.at)
        yield from self._below(at, PurePosixPath(), is_included=True)
        if self._unreadable:
            excluded = find_excluded(self.scanned.repository, self._unreadable)
            for shown, error in sorted(self._unreadable.items()):
                if shown not in excluded:
                    raise unreadable(PurePosixPath(shown), error) from error

    def _below(
        self, shown: str, path: PurePosixPath, *, is_included: bool
    ) -> Iterator[tuple[PurePosixPath, os.stat_result]]:
        """Yield the files below a directory.

        A directory whose files are all ignored is only walked through (`is_included` is false), to find what
        cannot be read.
        """
        ignored = self.scanned.ignored
        waiting = [(shown, path, is_included)]
        while waiting:
            shown, path, is_included = waiting.pop()
            for entry in self._entries(shown):
                name = f"{shown}/{entry.name}" if shown else entry.name
                if name in ignored.excluded or name in ignored.files:
                    continue
                if is_beside(self.scanned.at, path / entry.name):
                    continue
                if entry.name == ".git" and is_included:
                    if path.parts:
                        raise nested_repository(PurePosixPath(shown))
                    if self.scanned.at == TOP:
                        continue
                status = self._status(entry, name)
                if status is None:
                    continue
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((name, path / entry.name, is_included and name not in ignored.collapsed))
                    self._count(is_included=is_included)
                elif is_included and (stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode)):
                    self._check_depth(path / entry.name)
                    self._count(is_included=is_included)
                    yield path / entry.name, status

    def _entries(self, shown: str) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(self.scanned.repository.directory / shown) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._unreadable[shown] = error
            return []

    def _status(self, entry: os.DirEntry[str], shown: str) -> os.stat_result | None:
        try:
            return entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            return None  # removed after the directory was listed
        except OSError as error:
            self._unreadable[shown] = error
            return None

    def _count(self, *, is_included: bool) -> None:
        self._paths += is_included
        limits.check_paths(self._paths, self.scanned.directory)

    def _check_depth(self, path: PurePosixPath) -> None:
        if len(path.parts) > DEEPEST:
            at = quoting.shown(str(self.scanned.at.joinpath(*path.parts[: DEEPEST + 1])))
            raise GitstoreError(f"{at} lies more than {DEEPEST} directories deep", "move it up")


def is_beside(at: PurePosixPath, path: PurePosixPath) -> bool:
    """Whether a path in the code directory is not code, such as settings.yaml at the top."""
    return at == TOP and path.parts[:1] != () and path.parts[0] in BESIDE_CODE


def nested_repository(path: PurePosixPath) -> GitstoreError:
    """Return the error for a repository in the code directory."""
    return GitstoreError(
        f"{path} is a git repository of its own, which a snapshot cannot hold",
        f"remove {path}/.git to make it part of the code, or ignore it",
    )


def unreadable(path: PurePosixPath, error: OSError) -> GitstoreError:
    """Return the error for code that cannot be read, so that a snapshot would lack it."""
    name = quoting.shown(str(path))
    if error.errno == errno.ENAMETOOLONG:
        return GitstoreError(f"{name}: {error.strerror}", "move it up, or make git ignore it")
    return GitstoreError(f"{name}: {error.strerror}", "make it readable, or make git ignore it")


def _run_git(repository: Repository, *arguments: str) -> list[str]:
    return os.fsdecode(repository.git(*_AS_ON_DISK, *arguments)).split("\0")[:-1]
