"""A git repository: where its parts lie, its configuration, its objects and refs."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache, cached_property
from pathlib import Path
from typing import TypeVar

import pygit2

from gitstore.bigfiles.stat_cache import StatCache
from gitstore.disk import locks
from gitstore.disk.permissions import is_ours
from gitstore.errors import Corrupt, GitstoreError, NotAModel
from gitstore.git import config as git_config
from gitstore.git import discovery, worktrees
from gitstore.git import process as git
from gitstore.git.config import GitConfig, LocalConfig
from gitstore.git.process import Completed
from gitstore.git.ref_record import RefRecord, Vanished
from gitstore.git.refs import Refs
from gitstore.git.worktrees import Worktree
from gitstore.objects import commit
from gitstore.objects.commit import Commit
from gitstore.objects.database import BrokenObject, MissingObject, ObjectDatabase
from gitstore.objects.repack import merge_small_packs
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.descriptors import MOST
from gitstore.packs.oid import Kind, Oid

BIG_FILE_THRESHOLD = "256k"
"""`core.bigFileThreshold` of our repositories: git never searches deltas between parts."""


pygit2.settings.mwindow_file_limit = MOST  # else libgit2 keeps every pack open that it has used

_Answer = TypeVar("_Answer")

_EXPIRE = "2.weeks.ago"
"""git's own default for `gc.pruneExpire`."""

_FOREIGN = re.compile("repository path '(.*)' is not owned by current user")
"""What libgit2 says of what git calls dubious ownership."""


_TRUE = ("true", "yes", "on", "1")

_FORMATS = (
    (
        "extensions.objectFormat", "sha1",
        "has SHA-256 object ids, which gitstore does not write",
        "make it anew with git init --object-format=sha1",
    ),
    (
        "extensions.refStorage", "files",
        "keeps its refs in a reftable, which gitstore does not read",
        "git refs migrate --ref-format=files (git 2.46) makes them files",
    ),
)  # fmt: skip
"""What a repository may be in another format: the key, our value, and what to say."""


class Repository:
    """A repository as seen from one of its working copies, or bare.

    `directory` is the working copy's top, or the repository itself if bare. `git_directory` belongs
    to this working copy, `common` to all of them.
    """

    def __init__(self, path: Path, top: Path | None = None) -> None:
        """Open the repository whose git directory is `path`, as its working copy `top` sees it.

        Without `top`, that is the working copy that git has noted, if any. Raises `GitstoreError`.
        """
        _allow_extensions()
        try:
            self._pygit2 = _open(path)
        except pygit2.GitError as error:
            if not _is_trusted(path, top, error):
                raise _refused(path, error) from error
            self._pygit2 = _open_trusted(path)
        self.git_directory = Path(self._pygit2.path)
        self.common = discovery.common_of(self.git_directory)
        _check_format(self.common)
        directory = self._working_copy(top)
        self.is_bare = directory is None
        self.directory = directory or self.git_directory

    @classmethod
    def discover(cls, directory: Path) -> Repository:
        """The repository that `directory` lies in. Raises `NotAModel` if it lies in none."""
        place = discovery.find(directory.absolute())
        if place is None:
            raise NotAModel(
                f"{directory.absolute()} is not in a git repository", "gitstore init makes a model here"
            )
        return cls(place.git_directory, place.top)

    @classmethod
    def create(
        cls, directory: Path, branch: str = "main", *, git_directory: Path | None = None
    ) -> Repository:
        """A new repository in `directory`, on an unborn branch, with git's own defaults and templates.

        Its `git_directory` may be another one, from where the caller brings it to its place.
        """
        directory.mkdir(parents=True, exist_ok=True)
        init = ("init", "--quiet", *git.FORMAT, f"--initial-branch={branch}")
        if git_directory is None:
            git.run(*init, cwd=directory)
            return cls(directory / ".git", directory)
        variables = {"GIT_DIR": str(git_directory), "GIT_WORK_TREE": str(directory)}
        git.run(*init, cwd=directory, variables=variables)
        git.run("config", "--local", "--unset", "core.worktree", cwd=directory, variables=variables)
        return cls(git_directory, directory)

    def git(self, *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] | None = None) -> bytes:
        """Run stock git here, without hooks. Raises `git.GitFailed`."""
        everything = self.variables | dict(variables or {})
        return git.run(*self.without_hooks, *arguments, cwd=self.directory, stdin=stdin, variables=everything)

    def attempt(self, *arguments: str) -> Completed:
        """Run stock git here like `git`, for which an exit code other than 0 is an answer."""
        return git.attempt(*self.without_hooks, *arguments, cwd=self.directory, variables=self.variables)

    @cached_property
    def without_hooks(self) -> list[str]:
        """Options with which git runs no hook that the configuration names."""
        return git.disable_hooks(
            [*git_config.list_keys(self._pygit2.config), *git_config.list_keys_from_environment()]
        )

    @cached_property
    def variables(self) -> dict[str, str]:
        """The environment in which git acts on this repository and working copy, wherever it is started."""
        found = {"GIT_DIR": str(self.git_directory)}
        return found if self.is_bare else found | {"GIT_WORK_TREE": str(self.directory)}

    @cached_property
    def objects(self) -> ObjectDatabase:
        """All objects of the repository."""
        # Not a method of ours, which would make a circle: packs close as soon as we are gone.
        return ObjectDatabase(self.common / "objects", _Deltas(self._pygit2))

    @cached_property
    def refs(self) -> Refs:
        """The refs of the repository."""
        return Refs(self.git_directory, self.git, self.common)

    def vanished(self) -> list[Vanished]:
        """What refs held that vanished, or were moved, without gitstore, and that gc keeps for now.

        That is for as long as git keeps what nothing refers to, `gc.pruneExpire`: two weeks.
        """
        missed = self.ref_record.vanished(dict(self.refs.all()))
        if not missed:
            return []
        expire = int(self.git("config", "--type=expiry-date", f"--default={_EXPIRE}", "gc.pruneExpire"))
        return [each for each in missed if each.since > expire and each.oid in self.objects]

    @property
    def ref_record(self) -> RefRecord:
        """Which refs there were."""
        return RefRecord(self.private)

    @property
    def private(self) -> Path:
        """Where gitstore keeps what is not part of the format and can be made again."""
        return self.common / "gitstore"

    def stat_cache(self) -> StatCache:
        """What is known of the files on disk."""
        return StatCache(self.private / "stat-cache", frozen=self.is_foreign)

    @property
    def is_foreign(self) -> bool:
        """Whether the repository is somebody else's, who does not share it: who only reads writes nothing."""
        return not is_ours(self.common) and self.config("core.sharedRepository") is None

    @contextmanager
    def writer(self) -> Iterator[ObjectWriter]:
        """A write of new objects, in which nothing that the repository has goes away.

        What keeps the objects, a ref, must be set within the block. Raises `Locked` if gc runs.
        """
        with self.writing():
            self._prepare()
            self.objects.refresh()
            with ObjectWriter(self.objects) as writer:
                yield writer

    def writing(self) -> AbstractContextManager[None]:
        """Share the repository's lock with other writes, so that no gc runs. Raises `Locked` if one does."""
        return locks.shared(self.private)

    def reading(self) -> AbstractContextManager[None]:
        """Like `writing`, for a repository that somebody else may own, and that is only read."""
        return locks.reading(self.private)

    def reading_files(self) -> AbstractContextManager[None]:
        """Hold the working copy with others that read its files; nothing if it is bare. Raises `Locked`."""
        return nullcontext() if self.is_bare else locks.reading_working_copy(self.git_directory)

    def replacing_files(self) -> AbstractContextManager[None]:
        """Hold the working copy alone; nothing if it is bare. Raises `Locked`."""
        return nullcontext() if self.is_bare else locks.working_copy(self.git_directory)

    def collecting(self) -> AbstractContextManager[None]:
        """Hold the repository's lock alone. Raises `Locked` if another gitstore command writes."""
        return locks.exclusive(self.private)

    def maintain(self) -> None:
        """Cheap upkeep after a write: see to it that packs do not become too many."""
        try:
            merge_small_packs(self.objects, self.private)
        except (GitstoreError, OSError):
            # What was written is safe already, and a damaged pack stays for `verify` to name.
            return

    def head(self) -> str | None:
        """The branch that HEAD is on, born or not; `None` if it is detached."""
        ref = self.refs.symbolic("HEAD")
        return ref.removeprefix("refs/heads/") if ref else None

    def commit(self, oid: Oid) -> Commit:
        """A commit by its id. Raises `Corrupt` if there is none."""
        try:
            return commit.parse(self.objects.read_as(Kind.COMMIT, oid))
        except ValueError as error:
            raise Corrupt(f"commit {oid} is malformed: {error}") from error

    def shallow(self) -> dict[Oid, tuple[Oid, ...]]:
        """The commits at which a fetch with `--depth` ended, and their parents, which may be absent.

        A commit that is named there and absent itself is left out. Raises `Corrupt` for a damaged file.
        """
        path = self.common / "shallow"
        try:
            oids = [Oid.parse(line) for line in path.read_bytes().split()]
        except FileNotFoundError:
            return {}
        except ValueError as error:
            raise Corrupt(f"{path} is damaged: {error}", "git fetch --unshallow makes it needless") from error
        return {oid: self.commit(oid).parents for oid in oids if oid in self.objects}

    def is_ancestor(self, ancestor: Oid, descendant: Oid) -> bool:
        """Whether a commit is another's ancestor, or the same."""
        return ancestor == descendant or self._pygit2.descendant_of(str(descendant), str(ancestor))

    def identity(self) -> str:
        """Who is at work, and when, as commits and tags say it: name, mail, time and zone.

        By git's own rules, environment included. Raises `GitstoreError` if git knows no identity.
        """
        return git.read_identity(self.directory, self.variables)

    def worktrees(self) -> list[Worktree]:
        """All working copies, that of the repository itself first unless it is bare."""
        own = self if self.git_directory == self.common else Repository(self.common)
        first = [] if own.is_bare else [worktrees.main(own.directory, self.common)]
        return first + worktrees.linked(self.common)

    @cached_property
    def git_config(self) -> GitConfig:
        """Git's configuration as git reads it, at the first look. Raises `git.GitFailed` if git cannot."""
        return GitConfig(self.git(*git_config.LIST))

    def forget_config(self) -> None:
        """Read git's configuration anew when it is needed next."""
        self.__dict__.pop("git_config", None)

    def config(self, key: str) -> str | None:
        """A value of git's configuration, from all its files."""
        try:
            return self._pygit2.config[key]
        except KeyError:
            return None

    def set_config(self, key: str, value: str) -> None:
        """Set a value in the repository's own configuration. Raises `Locked` if git is changing that."""
        self.local_config.set(key, value)
        self.forget_config()

    @cached_property
    def local_config(self) -> LocalConfig:
        """The repository's own configuration, without that of the user, and of its working copies."""
        return LocalConfig(self.common / "config", self.attempt)

    def _working_copy(self, top: Path | None) -> Path | None:
        """Return where the files are; `None` if the repository is bare.

        By git's rules: what is called `.git` has its working copy around it, unless the configuration
        says otherwise.
        """
        if self.git_directory != self.common:
            return top or worktrees.directory(self.git_directory)
        elsewhere = self._own_config("core.worktree")
        if elsewhere is not None:
            return Path(os.path.normpath(self.git_directory / elsewhere))
        if (self._own_config("core.bare") or "").lower() in _TRUE:
            return None
        return top or (self.git_directory.parent if self.git_directory.name == ".git" else None)

    def _own_config(self, key: str) -> str | None:
        """Return a value of what says where the working copy is, and is in no file of the user's."""
        for path in (self.git_directory / "config.worktree", self.common / "config"):
            try:
                return pygit2.Config(str(path))[key]
            except (KeyError, OSError, pygit2.GitError):
                continue
        return None

    def _prepare(self) -> None:
        """Configure what every repository that gitstore writes to needs, once."""
        if self.config("core.bigFileThreshold") is None:
            self.set_config("core.bigFileThreshold", BIG_FILE_THRESHOLD)


class _Deltas:
    """Lets libgit2 read what is stored as a delta."""

    def __init__(self, repository: pygit2.Repository) -> None:
        self._odb = repository.odb

    def header(self, oid: Oid) -> tuple[Kind, int]:
        return self._asked(self._odb.read_header, oid)

    def read(self, oid: Oid) -> tuple[Kind, bytes]:
        return self._asked(self._odb.read, oid)

    def _asked(self, ask: Callable[[str], tuple[int, _Answer]], oid: Oid) -> tuple[Kind, _Answer]:
        try:
            number, answer = ask(str(oid))
        except KeyError as error:
            raise MissingObject(oid) from error
        except pygit2.GitError as error:
            raise BrokenObject(oid, str(error)) from error
        return Kind(int(number)), answer


def _open(path: Path) -> pygit2.Repository:
    return pygit2.Repository(str(path), pygit2.enums.RepositoryOpenFlag.NO_SEARCH)


def _is_trusted(path: Path, top: Path | None, error: pygit2.GitError) -> bool:
    """Whether git trusts somebody else's repository that libgit2 does not.

    libgit2 does not read the file that GIT_CONFIG_GLOBAL names.
    """
    if _FOREIGN.search(str(error)) is None:
        return False
    # Found by git itself: with GIT_DIR set, it would not ask whom the repository belongs to.
    here = top or (path.parent if path.name == ".git" else path)
    return git.attempt("rev-parse", "--git-dir", cwd=here).returncode == 0


def _open_trusted(path: Path) -> pygit2.Repository:
    pygit2.settings.owner_validation = False
    try:
        return _open(path)
    finally:
        pygit2.settings.owner_validation = True


def _refused(path: Path, error: pygit2.GitError) -> GitstoreError:
    """Why libgit2 does not open a repository."""
    foreign = _FOREIGN.search(str(error))
    if foreign is not None:
        return GitstoreError(
            f"{foreign[1]} belongs to somebody else, and git is not told to trust it",
            f"if you trust it: git config --global --add safe.directory {shlex.quote(foreign[1])}",
        )
    _check_format(discovery.common_of(path))
    return GitstoreError(f"{path}: {error}")


def _check_format(common: Path) -> None:
    """Raise `GitstoreError` for a repository whose format git may know, and gitstore does not."""
    try:
        config = pygit2.Config(str(common / "config"))
    except (OSError, pygit2.GitError):
        return
    for key, ours, what, remedy in _FORMATS:
        if key in config and str(config[key]).lower() != ours:
            raise GitstoreError(f"{common} {what}", remedy)


@cache
def _allow_extensions() -> None:
    """Let libgit2 open repositories with extensions that do not concern what it does for us."""
    pygit2.option(pygit2.enums.Option.SET_EXTENSIONS, ["partialclone", "refstorage"], 2)
