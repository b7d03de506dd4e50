"""A model: whose code, states and settings a working copy, or a bare repository, holds.

A repository has one root model, whose refs have no prefix, and any number of derived models, whose
branch is called like the model and whose tags and states lie under `<model>/`. Which one a working
copy is of is said by the settings it has checked out: those of a derived model in the same
repository have `based_on` without a `url`.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from gitstore import layout, settings
from gitstore.bigfiles.stored import drop_names
from gitstore.disk.permissions import is_ours, share
from gitstore.errors import BadSettings, Corrupt, GitstoreError, InvalidName, NotAModel
from gitstore.git.repository import Repository
from gitstore.models import active_state
from gitstore.names import name_problem
from gitstore.objects import tag, tree
from gitstore.objects.database import TooLarge
from gitstore.objects.paths import find_entry, find_tree, read_tree
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid
from gitstore.settings import BasedOn, ModelIdentity, Settings
from gitstore.text import quoted

SETTINGS, LOCK, STATES, CODE = layout.SETTINGS, layout.LOCK, layout.STATES, layout.CODE

IGNORE_FILE = ".gitignore"
IGNORE = f"/{STATES}/\n"
"""What it says, so that everyday git does not see the weights on disk."""

CLAIM = "gitstore-model"
"""The file in a working copy's git directory that has the prefix of the model that states/ belongs to."""

FIRST_STATE = active_state.FIRST_STATE


@dataclass(frozen=True)
class Model:
    """A model as one of its working copies shows it, or its bare repository.

    `base` is what a derived model is based on, detached or not, by the settings that are committed. `invalid`
    are the problems of these, and of those on disk, where that hindered nobody so far.
    """

    repository: Repository
    name: str
    prefix: str
    base: BasedOn | None = None
    invalid: tuple[str, ...] = ()

    @classmethod
    def open(cls, directory: Path) -> Model:
        """Open a directory's model. Raises `NotAModel`, or `BadSettings` for invalid committed settings."""
        repository = Repository.discover(directory)
        return cls._of(repository, _read_settings(repository))

    @classmethod
    def identify(cls, directory: Path) -> Model:
        """Like `open`, for callers that only need to know which model this is.

        Settings may be invalid, `invalid` has why, if what can be read of them tells the name and whether the
        model is derived. Then `base` is `None`. Raises like `open`.
        """
        return cls.identify_in(Repository.discover(directory))

    @classmethod
    def identify_in(cls, repository: Repository) -> Model:
        """Like `identify`, for callers that have the repository open."""
        content = _read_settings(repository)
        try:
            return cls._of(repository, content)
        except BadSettings as error:
            identity = settings.identify(content)
            if identity is None:
                raise
            prefix = f"{identity.name}/" if identity.is_derived else ""
            return cls(repository, identity.name, prefix, invalid=tuple(error.problems))

    @classmethod
    def _of(cls, repository: Repository, content: bytes) -> Model:
        parsed = _parse_committed_or_disk(content, repository)
        derived = parsed.based_on is not None and parsed.based_on.url is None
        return cls(repository, parsed.name, f"{parsed.name}/" if derived else "", parsed.based_on)

    def tag_ref(self, snapshot: str) -> str:
        """The ref of one of the model's snapshots."""
        return f"refs/tags/{self.prefix}{snapshot}"

    def state_ref(self, state: str) -> str:
        """The ref of one of the model's states."""
        return f"refs/states/{self.prefix}{state}"

    def alias_ref(self, alias: str) -> str:
        """The ref of one of the model's aliases."""
        return f"refs/aliases/{self.prefix}{alias}"

    @property
    def active_state(self) -> str:
        """The name of the active state, which need not exist. Raises `Corrupt` like `active_state.read`."""
        return active_state.read(self.repository, self.prefix)

    @property
    def pinned_base(self) -> BasedOn | None:
        """The base whose code the model's code must be; `None` for a root or a detached model."""
        return self.base if self.base is not None and not self.base.detached else None

    @property
    def head(self) -> Oid | None:
        """The commit that is checked out; `None` before the first."""
        return self.repository.refs.get("HEAD")

    @property
    def directory(self) -> Path:
        """The top of the working copy, or the bare repository."""
        return self.repository.directory

    def claim_states(self) -> Path:
        """Claim states/ for this model and return its path. Raises `GitstoreError` if it is another model's.

        git leaves states/ alone when it switches branches, so another model's branch would show these weights
        as its own. That is why the git directory has a note of the owner. An empty states/ has no owner. A
        bare repository has no states on disk.
        """
        self._claim()
        return self.directory / STATES

    def read_settings_content(self) -> bytes:
        """Return the settings' bytes: on disk, or committed in a bare repository. Raises `NotAModel`."""
        content = self.read_top_file(SETTINGS)
        if content is None:
            raise NotAModel(
                f"{self.directory / SETTINGS} is missing", f"git checkout -- {SETTINGS} restores it"
            )
        return content

    def read_top_file(self, name: str) -> bytes | None:
        """Return a file beside code/, if it exists: on disk, or committed in a bare repository."""
        if self.repository.is_bare:
            return _read_file_at_head(self.repository, name)
        path = self.directory / name
        return path.read_bytes() if path.is_file() else None

    @cached_property
    def settings(self) -> Settings:
        """The settings as they are on disk, or committed in a bare repository. Raises `BadSettings`."""
        return settings.parse(self.read_settings_content())

    @property
    def code_directory(self) -> PurePosixPath:
        """Where the code is in the working copy."""
        return PurePosixPath(self.settings.code)

    def find_base_code(self, base: BasedOn) -> Oid:
        """Return the tree of the base's code, which the model's own history keeps. Raises `Corrupt`."""
        top = self.repository.commit(Oid.parse(base.commit)).tree
        code_tree = find_tree(self.repository.objects, top, PurePosixPath(CODE))
        if code_tree is None:
            raise Corrupt(
                f"{base.commit}, which {self.name} is based on, is not a snapshot: it has no {CODE}/"
            )
        return code_tree

    def find_committed_code(
        self, at: PurePosixPath, write_tree: Callable[[bytes], Oid] | None = None
    ) -> Oid | None:
        """Return the tree of a code directory in the commit that is checked out; `None` if there is none.

        Of the top, which holds more than code, `write_tree` stores the tree of the code alone. Without
        it, the tree of all is returned.
        """
        top = self.repository.commit(self.head).tree if self.head is not None else None
        if top is None or at != layout.TOP or write_tree is None:
            return find_tree(self.repository.objects, top, at) if top is not None else None
        entries = drop_names(read_tree(self.repository.objects, top), layout.BESIDE_CODE)
        return write_tree(tree.encode(entries)) if entries else None

    def _claim(self) -> None:
        """Record this model as the owner of states/. Raises `GitstoreError` if another model owns it.

        A git directory that is read-only, or of another user, is not written to.
        """
        claim = self.repository.git_directory / CLAIM
        if self.repository.is_bare or not _holds_states(self.directory / STATES):
            _write_claim(claim, None)
            return
        try:
            owner = claim.read_text(errors="replace")
        except FileNotFoundError:
            _write_claim(claim, self.prefix)
            return
        if owner != self.prefix:
            this, other = self._describe_model(self.prefix), self._describe_model(owner)
            raise GitstoreError(
                f"{self.directory} has {this} checked out, but its {STATES}/ belongs to {other}",
                f"switch back, or create a working copy for {this} with git worktree add",
            )

    def _describe_model(self, prefix: str) -> str:
        return f"the model {_quote_if_invalid(prefix.rstrip('/'))}" if prefix else "the root model"

    def find_root_name(self) -> str:
        """Return the name of the repository's root model, as far as this model's bases tell."""
        return self.list_base_names()[-1]

    def list_base_names(self) -> list[str]:
        """List the names of the model and of its bases, nearest first, as their branches say."""
        names, base = [self.name], self.base if self.prefix else None
        while base is not None and base.url is None:
            again = base.model in names
            names.append(base.model)
            identity = identify_branch(self.repository, base.model) if not again else None
            base = identity.base if identity is not None else None
        return names


def _quote_if_invalid(name: str) -> str:
    """Return the name of a model from a file so that it is harmless in a message."""
    return name if name_problem(name) is None else quoted(name)


def _write_claim(claim: Path, prefix: str | None) -> None:
    """Record the owner of states/, if the git directory may be written."""
    if not is_ours(claim.parent):
        return
    with suppress(OSError):
        if prefix is None:
            claim.unlink(missing_ok=True)
        else:
            claim.write_text(prefix)
            share(claim)


def has_derived_model(repository: Repository, name: str) -> bool:
    """Whether a repository has a derived model of this name: a branch that says so, or its tags or states."""
    if name_problem(name) is not None:
        return False  # a path would lead to other files of refs
    identity = identify_branch(repository, name)
    if identity is not None and identity.local_base is not None:
        return identity.name == name
    return repository.refs.has_any_below(f"refs/tags/{name}/", f"refs/states/{name}/")


def check_name(name: str, kind: str) -> None:
    """Raise `InvalidName` unless `name` can be a model's, snapshot's or state's; `kind` says which."""
    problem = name_problem(name)
    if problem is not None:
        article = "an" if kind[0] in "aeiou" else "a"
        raise InvalidName(
            f"{name!r} cannot be the name of {article} {kind}: it {problem}", "choose another name"
        )


def _holds_states(states: Path) -> bool:
    """Whether there is any state on disk. An empty directory is not a state."""
    return states.is_dir() and any(path.is_dir() and any(path.iterdir()) for path in states.iterdir())


def _read_settings(repository: Repository) -> bytes:
    """Return the settings that say which model a repository is of. Raises `NotAModel`."""
    if not repository.directory.is_dir():
        raise GitstoreError(
            f"git's configuration says that the working copy is {repository.directory}, which does not exist",
            f"git config --file {repository.common}/config --unset core.worktree",
        )
    content = _read_identifying_settings(repository)
    if content is None:
        raise NotAModel(
            f"{repository.directory} is a git repository, but not a model: it has no {SETTINGS}",
            f"gitstore init {'in a clone ' * repository.is_bare}turns it into a model",
        )
    return content


def _read_identifying_settings(repository: Repository) -> bytes | None:
    """The settings that say which model this is: as committed, or on disk before the first commit.

    Where the commit cannot be read, those on disk do, or those of a snapshot: snapshots do not need it.
    """
    path = repository.directory / SETTINGS
    on_disk = not repository.is_bare and path.is_file()
    try:
        content = _read_file_at_head(repository, SETTINGS)
    except Corrupt:
        content = None if on_disk else _read_settings_of_a_snapshot(repository)
        if content is None and not on_disk:
            raise
    return path.read_bytes() if content is None and on_disk else content


def _read_settings_of_a_snapshot(repository: Repository) -> bytes | None:
    """Return the settings of the first snapshot of the root model that can be read."""
    for ref, oid in repository.refs.below("refs/tags/"):
        if "/" not in ref.removeprefix("refs/tags/"):
            with suppress(Corrupt, ValueError):
                commit, _ = tag.read_target(repository.objects.read_as(Kind.TAG, oid, at_most=limits.TAG))
                content = read_committed_file(repository, commit, SETTINGS)
                if content is not None:
                    return content
    return None


def _parse_committed_or_disk(content: bytes, repository: Repository) -> Settings:
    """Parse the committed settings. If they are invalid, parse those on disk, where people repair them."""
    try:
        return settings.parse(content)
    except BadSettings:
        path = repository.directory / SETTINGS
        if repository.is_bare or not path.is_file():
            raise
        return settings.parse(path.read_bytes())


def _read_file_at_head(repository: Repository, name: str) -> bytes | None:
    """Return a file at the top of the commit that is checked out."""
    head = repository.refs.get("HEAD")
    return read_committed_file(repository, head, name) if head is not None else None


def read_committed_file(repository: Repository, commit: Oid, name: str) -> bytes | None:
    """Return a file at the top of a commit's tree; `None` if there is none."""
    entry = find_entry(repository.objects, repository.commit(commit).tree, PurePosixPath(name))
    if entry is None or not entry.is_file:
        return None
    at_most = limits.SETTINGS if name == SETTINGS else limits.PACKAGES_LOCK
    try:
        return repository.objects.read_as(Kind.BLOB, entry.oid, at_most=at_most)
    except TooLarge as error:
        raise Corrupt(f"{name} of commit {commit} cannot be read: {error.message}") from error


def identify_branch(repository: Repository, name: str) -> ModelIdentity | None:
    """Return which model a branch is of, by its committed settings; `None` if they do not say."""
    tip = repository.refs.get(f"refs/heads/{name}")
    content = read_committed_file(repository, tip, SETTINGS) if tip is not None else None
    return settings.identify(content) if content is not None else None
