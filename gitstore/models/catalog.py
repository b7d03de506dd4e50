"""The models of a repository: the root model, and the derived models that live beside it.

Every ref is looked at once, and every branch's settings are read once, however many models there are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from gitstore import settings
from gitstore.errors import Corrupt
from gitstore.git.repository import Repository
from gitstore.models import active_state, snapshot
from gitstore.models.model import SETTINGS, Model, read_committed_file
from gitstore.models.snapshot import Snapshot, UnreadableSnapshots
from gitstore.names import name_problem
from gitstore.packs.oid import Oid
from gitstore.settings import BasedOn

_HEADS, _STATES, _TAGS = "refs/heads/", "refs/states/", "refs/tags/"


@dataclass(frozen=True)
class ListedModel:
    """A model of a repository.

    `base` is the one in the settings of its branch, or of its last snapshot if the branch is gone.
    `snapshots` are in the order in which they were taken. `state` is the active state, empty if it cannot be
    read. `state_tree` is its saved tree. `directory` is the working copy that has the branch checked out.
    """

    name: str
    prefix: str
    base: BasedOn | None
    snapshots: tuple[Snapshot, ...]
    active_state: str
    state_tree: Oid | None
    directory: Path | None


@dataclass(frozen=True)
class ModelList:
    """The models of a repository, the root model first, the others by name.

    `unreadable` tells of tags that are not the snapshots that they say they are, and of other refs that
    cannot be read, if there are any.
    """

    models: tuple[ListedModel, ...]
    unreadable: UnreadableSnapshots | None


def list_models(model: Model) -> ModelList:
    """List all models of a model's repository."""
    listing = model.repository.refs.list_below("refs/")
    refs, unreadable = listing.refs, None
    try:
        tags = {ref: oid for ref, oid in refs.items() if ref.startswith(_TAGS)}
        readable = snapshot.read_snapshots(model.repository, listing._replace(refs=tags))
    except UnreadableSnapshots as error:
        unreadable, readable = error, list(error.readable)
    survey = _Survey.of(model.repository, refs, readable=readable)
    listed = (
        survey.describe_root(model),
        *(survey.describe_derived(prefix) for prefix in survey.list_prefixes()),
    )
    if survey.problems:
        messages = [unreadable.message] if unreadable is not None else []
        unreadable = UnreadableSnapshots([*messages, *survey.problems], readable)
    return ModelList(listed, unreadable)


@dataclass(frozen=True)
class _Survey:
    """The contents of a repository, read once: refs, snapshots by prefix, bases and directories by branch."""

    repository: Repository
    refs: dict[str, Oid]
    snapshots: dict[str, list[Snapshot]]
    bases: dict[str, BasedOn]
    directories: dict[str, Path]
    problems: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, repository: Repository, refs: dict[str, Oid], *, readable: list[Snapshot]) -> _Survey:
        snapshots = defaultdict(list)
        for readable_snapshot in readable:
            snapshots[readable_snapshot.prefix].append(readable_snapshot)
        worktrees = {
            worktree.branch: worktree.directory
            for worktree in repository.worktrees()
            if worktree.branch is not None and worktree.directory.is_dir()
        }
        return cls(repository, refs, snapshots, find_bases(repository, refs.items()), worktrees)

    def list_prefixes(self) -> list[str]:
        """Return the prefixes of derived models: those with a branch that says so, snapshots or states."""
        below = (ref.removeprefix(_STATES) for ref in self.refs if ref.startswith(_STATES))
        states = {state[: state.index("/") + 1] for state in below if "/" in state and _can_be_state(state)}
        states = {prefix for prefix in states if name_problem(prefix.removesuffix("/")) is None}
        return sorted(states | {f"{name}/" for name in self.bases} | self.snapshots.keys() - {""})

    def describe_derived(self, prefix: str) -> ListedModel:
        name = prefix.rstrip("/")
        base = self.bases.get(name)
        if base is None and self.snapshots.get(prefix):
            last = settings.identify(self.snapshots[prefix][-1].settings_content)
            base = last.base if last is not None else None
        return self._describe(name, prefix, base=base, directory=self.directories.get(name))

    def describe_root(self, model: Model) -> ListedModel:
        """Describe the root model. If `model` is a derived one, the repository's own HEAD says what it is."""
        repository = model.repository if not model.prefix else Repository(model.repository.common)
        name, base = (model.find_root_name(), None) if model.prefix else (model.name, model.base)
        tip = repository.refs.get("HEAD") if model.prefix else None
        content = read_committed_file(repository, tip, SETTINGS) if tip is not None else None
        identity = settings.identify(content) if content is not None else None
        if identity is not None and not identity.is_derived:
            name, base = identity.name, identity.base
        branch = repository.head()
        directory = self.directories.get(branch) if branch and branch not in self.bases else None
        return self._describe(name, "", base=base, directory=directory)

    def _describe(
        self, name: str, prefix: str, *, base: BasedOn | None, directory: Path | None
    ) -> ListedModel:
        space = f"{_STATES}{prefix}"
        try:
            state = active_state.read(self.repository, prefix)
        except Corrupt as error:
            self.problems.append(error.message)
            state = ""
        saved = self.refs.get(space + state)
        tree = self.repository.commit(saved).tree if saved is not None else None
        snapshots = tuple(self.snapshots.get(prefix, ()))
        return ListedModel(name, prefix, base, snapshots, state, tree, directory)


def find_bases(
    repository: Repository, refs: Iterable[tuple[str, Oid]], words: Collection[bytes] = (b"based_on",)
) -> dict[str, BasedOn]:
    """What the derived models that have a branch among the refs are based on, by their names.

    Settings that have none of the `words` are not parsed: reading YAML takes its time.
    """
    based_on = {}
    for ref, tip in refs:
        try:
            content = read_committed_file(repository, tip, SETTINGS) if ref.startswith(_HEADS) else None
        except Corrupt:
            continue  # for verify to tell
        if content is None or not any(word in content for word in words):
            continue
        identity, name = settings.identify(content), ref.removeprefix(_HEADS)
        if identity is not None and identity.name == name and identity.local_base is not None:
            based_on[name] = identity.local_base
    return based_on


def _can_be_state(state: str) -> bool:
    """Whether a ref below refs/states/ can be a state. A ref called HEAD cannot."""
    return name_problem(state.rpartition("/")[2]) is None
