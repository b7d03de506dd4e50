"""What a snapshot is, and finding those of a model.

A snapshot is an annotated tag, on a commit, on a tree of exactly `code/`, `state/`, `settings.yaml`
and, if the model has one, `packages.lock`; docs/format.md has the details. It is never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from gitstore import settings
from gitstore.errors import Corrupt
from gitstore.model import CODE, LOCK, SETTINGS, Model
from gitstore.objects import stored, tag
from gitstore.objects.oid import Kind, Oid
from gitstore.objects.repository import Repository
from gitstore.objects.stored import StoredFile
from gitstore.objects.tag import Tag
from gitstore.objects.tree import TreeEntry
from gitstore.settings import Settings

FORMAT = "1"
STATE = "state"

RENAMED_FROM = "Renamed-From"
"""The trailer of a renamed snapshot: the name that it had, a space, the id of the tag that it had."""

_TAGS = "refs/tags/"

# What stands at the top of a snapshot's tree, and whether it is a directory.
_SHAPE = {CODE: True, STATE: True, SETTINGS: False}
_SHAPES = (_SHAPE, {**_SHAPE, LOCK: False})


@dataclass(frozen=True)
class Snapshot:
    """One snapshot. `prefix` is its model's; `lock` is the id of packages.lock, if it has one."""

    repository: Repository
    prefix: str
    name: str
    oid: Oid
    tag: Tag
    commit: Oid
    tree: Oid
    code: Oid
    state: Oid
    settings_blob: Oid
    lock: Oid | None

    @property
    def ref(self) -> str:
        return f"{_TAGS}{self.prefix}{self.name}"

    @property
    def full_name(self) -> str:
        """Its name among the snapshots of all models: with the model's, if that is a derived one."""
        return f"{self.prefix.rstrip('/')}@{self.name}" if self.prefix else self.name

    @property
    def model(self) -> str:
        """The name its model had."""
        return self.tag.trailers.get("Model", "")

    @cached_property
    def settings_content(self) -> bytes:
        """The settings as they were, byte for byte."""
        return self.repository.objects.read_as(Kind.BLOB, self.settings_blob)

    @cached_property
    def settings(self) -> Settings:
        """The settings as they were."""
        return settings.parse(self.settings_content, f"{self.name}:{SETTINGS}")

    def code_files(self) -> list[StoredFile]:
        """The files below code/."""
        return list(stored.files(self.repository.objects, self.code, joined=False))

    def state_files(self) -> list[StoredFile]:
        """The files below state/, joined from their parts."""
        return list(stored.files(self.repository.objects, self.state, joined=True))


class NotASnapshot(Corrupt):
    """A tag that is not, or no longer, shaped like a snapshot."""


class UnreadableSnapshots(Corrupt):
    """Some tags cannot be read as the snapshots that they say they are; `others` are those that can."""

    def __init__(self, problems: Sequence[str], others: Sequence[Snapshot]) -> None:
        super().__init__("\n".join(problems), "gitstore verify --all tells what is wrong")
        self.others = others


def read(repository: Repository, ref: str, oid: Oid) -> Snapshot | None:
    """The snapshot that a tag is, or `None` for a tag that never was one.

    Raises `Corrupt` if it says it is a snapshot but lacks something, or is of a format from the future.
    """
    kind, content = repository.objects.read(oid)
    if kind is not Kind.TAG:
        return None
    try:
        found = tag.parse(content)
    except ValueError as error:
        raise Corrupt(f"{ref} is malformed: {error}") from error
    written_by = found.trailers.get("Gitstore-Format")
    if written_by is None:
        return None
    if written_by != FORMAT:
        raise NotASnapshot(
            f"{ref} is of format {written_by}, which this gitstore does not know", "use a newer gitstore"
        )
    return _read_tree(repository, ref, oid, found)


def below(model: Model) -> list[Snapshot]:
    """The snapshots of a model, oldest first. Raises `UnreadableSnapshots`."""
    space = model.tag_ref("")
    tags = model.repository.refs.below(space)
    return among(model.repository, (each for each in tags if "/" not in each[0].removeprefix(space)))


def every(repository: Repository) -> list[Snapshot]:
    """The snapshots of all models, oldest first. Raises `UnreadableSnapshots`."""
    return among(repository, repository.refs.below(_TAGS))


def among(repository: Repository, tags: Iterable[tuple[str, Oid]]) -> list[Snapshot]:
    """Those of some tags that are snapshots, oldest first. Raises `UnreadableSnapshots`."""
    found, problems = [], []
    for ref, oid in tags:
        try:
            each = read(repository, ref, oid)
        except Corrupt as error:
            problems.append(error.message)
            continue
        if each is not None:
            found.append(each)
    found.sort(key=lambda each: (each.tag.date.timestamp() if each.tag.date else 0.0, each.ref))
    if problems:
        raise UnreadableSnapshots(problems, found)
    return found


def shape_problem(top: Iterable[TreeEntry]) -> str | None:
    """Why a tree with these entries is no snapshot's; `None` if it is shaped like one."""
    trees = {entry.name.decode("utf-8", "replace"): entry.is_tree for entry in top}
    if trees in _SHAPES:
        return None
    for name, is_tree in _SHAPE.items():
        if trees.get(name) is not is_tree:
            return f"its tree has no {name}"
    if trees.get(LOCK):
        return f"its {LOCK} is a directory"
    return f"its tree has {min(trees.keys() - {*_SHAPE, LOCK})}, which no snapshot has"


def _read_tree(repository: Repository, ref: str, oid: Oid, found: Tag) -> Snapshot:
    tree_oid = repository.commit(found.target).tree
    top = stored.read_tree(repository.objects, tree_oid)
    problem = shape_problem(top)
    if problem is not None:
        raise NotASnapshot(f"{ref} is no snapshot: {problem}")
    entries = {entry.name.decode(): entry.oid for entry in top}
    prefix, _, name = ref.removeprefix(_TAGS).rpartition("/")
    return Snapshot(
        repository=repository,
        prefix=f"{prefix}/" if prefix else "",
        name=name,
        oid=oid,
        tag=found,
        commit=found.target,
        tree=tree_oid,
        code=entries[CODE],
        state=entries[STATE],
        settings_blob=entries[SETTINGS],
        lock=entries.get(LOCK),
    )
