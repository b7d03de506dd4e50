"""A git repository, as one of its working copies sees it: its parts, configuration, objects and refs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

import pygit2

from gitstore.bigfiles.stat_cache import StatCache
from gitstore.disk import locks
from gitstore.disk.permissions import is_ours
from gitstore.errors import Corrupt, GitstoreError, NotAModel
from gitstore.git import config as git_config
from gitstore.git import discovery, worktrees
from gitstore.git import process as git
from gitstore.git.config import BIG_FILE_THRESHOLD, GitConfig, LocalConfig
from gitstore.git.files import read_common_directory, read_worktree_directory
from gitstore.git.partial_clone import PartialClone
from gitstore.git.process import Completed
from gitstore.git.ref_record import RefRecord, Vanished
from gitstore.git.refs import Refs
from gitstore.git.worktrees import Worktree
from gitstore.objects import commit
from gitstore.objects.commit import Commit
from gitstore.objects.database import BrokenObject, MissingObject, ObjectDatabase
from gitstore.packs.oid import Kind, Oid

if TYPE_CHECKING:
    from gitstore.objects.writer import ObjectWriter

_Result = TypeVar("_Result")

_EXPIRE = "2.weeks.ago"
"""git's own default for `gc.pruneExpire`."""

_THRESHOLD_KEY = "core.bigFileThreshold"

_TRUE = ("true", "yes", "on", "1")


class Repository:
    """A repository as seen from one of its working copies, or bare.

    `directory` is the working copy's top, or the repository itself if bare. `git_directory` belongs
    to this working copy, `common` to all of them.
    """

    def __init__(self, path: Path, top: Path | None = None) -> None:
        """Open the repository whose git directory is `path`, as its working copy `top` sees it.

        Without `top`, it is the working copy that git has noted, if any. Raises `GitstoreError`.
        """
        self._pygit2 = discovery.open_repository(path, top)
        self.git_directory = Path(self._pygit2.path)
        self.common = read_common_directory(self.git_directory)
        discovery.check_format(self.common)
        directory = self._find_working_copy(top)
        self.is_bare = directory is None
        self.directory = directory or self.git_directory
        self._identities: list[str] | None = None

    @classmethod
    def discover(cls, directory: Path) -> Repository:
        """Open the repository that `directory` is in. Raises `NotAModel` if it is in none."""
        location = discovery.find_repository(directory.absolute())
        if location is None:
            raise NotAModel(
                f"{directory.absolute()} is not in a git repository", "gitstore init creates a model here"
            )
        return cls(location.git_directory, location.top)

    @classmethod
    def create(
        cls, directory: Path, branch: str = "main", *, git_directory: Path | None = None
    ) -> Repository:
        """Create a repository in `directory`, on an unborn branch, with git's own defaults and templates.

        `git_directory` may be elsewhere; then the caller moves it to its place. Nobody else may use either
        yet.
        """
        directory.mkdir(parents=True, exist_ok=True)
        init = ("init", "--quiet", *git.FORMAT, f"--initial-branch={branch}")
        if git_directory is None:
            git.run(*init, cwd=directory)
            return cls(directory / ".git", directory)._prepare_new()
        variables = {"GIT_DIR": str(git_directory), "GIT_WORK_TREE": str(directory)}
        git.run(*init, cwd=directory, variables=variables)
        git.run("config", "--local", "--unset", "core.worktree", cwd=directory, variables=variables)
        return cls(git_directory, directory)._prepare_new()

    def git(self, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        """Run stock git here, without hooks, and return its standard output. Raises `git.GitFailed`."""
        variables = self.variables | dict(variables or {})
        return git.run(*self.without_hooks, *arguments, cwd=self.directory, stdin=stdin, variables=variables)

    def attempt(self, *arguments: str) -> Completed:
        """Run stock git here like `git`, but return its exit code instead of raising."""
        return git.attempt(*self.without_hooks, *arguments, cwd=self.directory, variables=self.variables)

    @cached_property
    def without_hooks(self) -> list[str]:
        """Options that keep git from running hooks that the configuration names."""
        return git.disable_hooks(
            [*git_config.list_keys(self._pygit2.config), *git_config.list_keys_from_environment()]
        )

    @cached_property
    def variables(self) -> dict[str, str]:
        """The environment that makes git use this repository and working copy, wherever it is started."""
        variables = {"GIT_DIR": str(self.git_directory)}
        return variables if self.is_bare else variables | {"GIT_WORK_TREE": str(self.directory)}

    @cached_property
    def objects(self) -> ObjectDatabase:
        """All objects of the repository."""
        # Not a method of this class: without a reference cycle, packs are closed with the repository.
        return ObjectDatabase(
            self.common / "objects",
            _DeltaReader(self._pygit2.odb),
            promisor=PartialClone(self.common),
        )

    def open_quarantine(self, directory: Path) -> ObjectDatabase:
        """Open the objects of a push that git has not accepted yet, before those of the repository.

        git-receive-pack(1) calls the directory GIT_QUARANTINE_PATH.
        """
        database = pygit2.Odb(str(directory))
        database.add_disk_alternate(str(self.common / "objects"))
        return ObjectDatabase(directory, _DeltaReader(database), borrowed=[self.common / "objects"])

    @cached_property
    def refs(self) -> Refs:
        """The refs of the repository."""
        return Refs(self.git_directory, common=self.common, run=self.git)

    def find_vanished(self) -> list[Vanished]:
        """Return what refs held that vanished, or were moved, without gitstore, and that gc still keeps.

        gc keeps it as long as git keeps unreferenced objects: `gc.pruneExpire`, by default two weeks.
        """
        missed = self.ref_record.find_vanished(dict(self.refs.all()))
        if not missed:
            return []
        expire = int(self.git("config", "--type=expiry-date", f"--default={_EXPIRE}", "gc.pruneExpire"))
        return [vanished for vanished in missed if vanished.since > expire and vanished.oid in self.objects]

    @property
    def ref_record(self) -> RefRecord:
        """The record of refs that gitstore has seen."""
        return RefRecord(self.private)

    @property
    def private(self) -> Path:
        """The directory for what is not part of the format and can be made again."""
        return self.common / "gitstore"

    def stat_cache(self) -> StatCache:
        """Open the cache of what is known about files on disk."""
        return StatCache(self.private / "stat-cache", frozen=self.is_foreign)

    @property
    def is_foreign(self) -> bool:
        """Whether the repository belongs to somebody else, who does not share it. Reading writes nothing."""
        return not is_ours(self.common) and self.config("core.sharedRepository") is None

    @contextmanager
    def writer(self) -> Iterator[ObjectWriter]:
        """Open a write of new objects, during which no gc removes anything.

        The ref that keeps the objects must be set within the block. Raises `Locked` if gc runs.
        """
        from gitstore.objects.writer import ObjectWriter  # commands that only read need not load it

        with self.writing():
            self._prepare()
            self.objects.refresh()
            with self._one_identity(), ObjectWriter(self.objects) as writer:
                yield writer

    def writing(self) -> AbstractContextManager[None]:
        """Share the repository's lock with other writes, so that no gc runs. Raises `Locked` if gc runs."""
        return locks.shared(self.private)

    def reading(self) -> AbstractContextManager[None]:
        """Lock like `writing`, for a repository that somebody else may own, and that is only read."""
        return locks.reading(self.private)

    def reading_files(self) -> AbstractContextManager[None]:
        """Share the working copy's lock with others that read files. No lock if bare. Raises `Locked`."""
        return nullcontext() if self.is_bare else locks.reading_working_copy(self.git_directory)

    def replacing_files(self) -> AbstractContextManager[None]:
        """Hold the working copy's lock alone. No lock if bare. Raises `Locked`."""
        return nullcontext() if self.is_bare else locks.working_copy(self.git_directory)

    def collecting(self) -> AbstractContextManager[None]:
        """Hold the repository's lock alone. Raises `Locked` if another gitstore command writes."""
        return locks.exclusive(self.private)

    def maintain(self) -> None:
        """Merge small packs after a write, if there are many. Never fails."""
        from gitstore.objects.repack import merge_small_packs

        try:
            merge_small_packs(self.objects, self.private)
        except (GitstoreError, OSError):
            # What was written is safe already. `verify` will report a damaged pack.
            return

    def head(self) -> str | None:
        """Return the branch that HEAD names, born or not; `None` if HEAD is detached."""
        ref = self.refs.symbolic("HEAD")
        return ref.removeprefix("refs/heads/") if ref else None

    def commit(self, oid: Oid) -> Commit:
        """Read a commit. Raises `Corrupt` if it is missing or malformed."""
        try:
            return commit.parse(self.objects.read_as(Kind.COMMIT, oid))
        except ValueError as error:
            raise Corrupt(f"commit {oid} is malformed: {error}") from error

    def shallow(self) -> dict[Oid, tuple[Oid, ...]]:
        """Return the commits at which a fetch with `--depth` ended, with their parents, which may be absent.

        Commits that are absent themselves are left out. Raises `Corrupt` for a damaged file.
        """
        path = self.common / "shallow"
        try:
            oids = [Oid.parse(line) for line in path.read_bytes().split()]
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise Corrupt(
                f"{path} is damaged: {error}",
                "git fetch --unshallow fetches the whole history and removes it",
            ) from error
        return {oid: self.commit(oid).parents for oid in oids if oid in self.objects}

    def is_ancestor(self, ancestor: Oid, descendant: Oid) -> bool:
        """Whether a commit is an ancestor of another, or the same."""
        return ancestor == descendant or self._pygit2.descendant_of(str(descendant), str(ancestor))

    def identity(self) -> str:
        """Return the user's name, mail, and the time and zone, as commits and tags record them.

        By git's own rules, environment included. All that one `writer` writes has the same, with one time.
        Raises `GitstoreError` if git knows no identity.
        """
        if self._identities is None:
            return git_config.read_identity(self.directory, self.variables)
        if not self._identities:
            self._identities.append(git_config.read_identity(self.directory, self.variables))
        return self._identities[0]

    @contextmanager
    def _one_identity(self) -> Iterator[None]:
        """Ask git for the identity at most once while the block runs."""
        before, self._identities = self._identities, []
        try:
            yield
        finally:
            self._identities = before

    def worktrees(self) -> list[Worktree]:
        """List all working copies, the main one first unless the repository is bare."""
        main = self if self.git_directory == self.common else Repository(self.common)
        first = [] if main.is_bare else [worktrees.main_worktree(main.directory, self.common)]
        return first + worktrees.list_linked(self.common)

    @cached_property
    def git_config(self) -> GitConfig:
        """Git's configuration, read by git at the first access. Raises `git.GitFailed` if git cannot."""
        return GitConfig(self.git(*git_config.LIST))

    def adopt_config(self, other: Repository) -> None:
        """Use the configuration that another object for the same working copy has read, if it has."""
        if "git_config" in other.__dict__:
            self.__dict__["git_config"] = other.git_config

    def forget_config(self) -> None:
        """Read git's configuration again at the next access."""
        self.__dict__.pop("git_config", None)

    def config(self, key: str) -> str | None:
        """Return a value of git's configuration, from all its files."""
        try:
            return self._pygit2.config[key]
        except KeyError:
            return None

    def configure_new(self, values: Mapping[str, str]) -> None:
        """Set values in a new repository that nobody else uses yet. They are not durable yet."""
        git_config.append(self.common / "config", values.items())
        self.forget_config()

    def set_config(self, key: str, value: str) -> None:
        """Set a value in the repository's own configuration. Raises `Locked` if git is changing it."""
        self.local_config.set(key, value)
        self.forget_config()

    @cached_property
    def local_config(self) -> LocalConfig:
        """The repository's own configuration, without the user's and without that of a working copy."""
        return LocalConfig(self.common / "config", self.attempt)

    def _find_working_copy(self, top: Path | None) -> Path | None:
        """Return where the files are; `None` if the repository is bare.

        By git's rules: a directory `.git` is in its working copy, unless the configuration says otherwise.
        """
        if self.git_directory != self.common:
            return top or read_worktree_directory(self.git_directory)
        elsewhere = self._own_config("core.worktree")
        if elsewhere is not None:
            return Path(os.path.normpath(self.git_directory / elsewhere))
        if (self._own_config("core.bare") or "").lower() in _TRUE:
            return None
        return top or (self.git_directory.parent if self.git_directory.name == ".git" else None)

    def _own_config(self, key: str) -> str | None:
        """Return a value of the repository's own files. The user's files do not place the working copy."""
        for path in (self.git_directory / "config.worktree", self.common / "config"):
            try:
                return pygit2.Config(str(path))[key]
            except (KeyError, OSError, pygit2.GitError):
                continue
        return None

    def _prepare(self) -> None:
        """Set, once, the configuration that every repository needs to which gitstore writes."""
        if self.config(_THRESHOLD_KEY) is None:
            self.set_config(_THRESHOLD_KEY, BIG_FILE_THRESHOLD)

    def _prepare_new(self) -> Self:
        """Do the same for a repository that nobody else uses yet."""
        if self.config(_THRESHOLD_KEY) is None:
            self.configure_new({_THRESHOLD_KEY: BIG_FILE_THRESHOLD})
        return self


class _DeltaReader:
    """Reads objects that are stored as deltas, through libgit2."""

    def __init__(self, database: pygit2.Odb) -> None:
        self._odb = database

    def header(self, oid: Oid) -> tuple[Kind, int]:
        return self._call(self._odb.read_header, oid)

    def read(self, oid: Oid) -> tuple[Kind, bytes]:
        return self._call(self._odb.read, oid)

    def _call(self, read: Callable[[str], tuple[int, _Result]], oid: Oid) -> tuple[Kind, _Result]:
        try:
            number, result = read(str(oid))
        except KeyError as error:
            raise MissingObject(oid) from error
        except pygit2.GitError as error:
            raise BrokenObject(oid, str(error)) from error
        return Kind(int(number)), result
