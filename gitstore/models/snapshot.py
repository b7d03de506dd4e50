"""What a snapshot is, and finding those of a model.

A snapshot is an annotated tag, on a commit, on a tree of exactly `code/`, `state/`, `settings.yaml`
and, if the model has one, `packages.lock`; docs/format.md has the details. It is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from gitstore import settings
from gitstore.bigfiles import stored
from gitstore.bigfiles.stored import StoredFile
from gitstore.errors import BadSettings, Corrupt
from gitstore.git.refs import RefListing
from gitstore.git.repository import Repository
from gitstore.models import trust
from gitstore.models.model import CODE, LOCK, SETTINGS, Model
from gitstore.models.shape import FORMAT, STATE, find_shape_problem
from gitstore.names import spell_snapshot, spell_tag
from gitstore.objects import tag
from gitstore.objects.database import MissingObject, TooLarge
from gitstore.objects.paths import read_tree
from gitstore.objects.tag import Tag
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid
from gitstore.settings import Settings
from gitstore.text import shown

RENAMED_FROM = trust.RENAMED_FROM
"""The trailer of a renamed snapshot: the name that it had, a space, the id of the tag that it had."""

_TAGS = "refs/tags/"


@dataclass(frozen=True)
class Snapshot:
    """A snapshot. `prefix` is its model's. `lock_blob` is the id of packages.lock, if it has one."""

    repository: Repository
    prefix: str
    name: str
    tag_oid: Oid
    tag: Tag
    commit: Oid
    tree: Oid
    code_tree: Oid
    state_tree: Oid
    settings_blob: Oid
    lock_blob: Oid | None

    @property
    def ref(self) -> str:
        return f"{_TAGS}{self.prefix}{self.name}"

    @property
    def short_name(self) -> str:
        """Its name in the repository: the bare one of the root model's, else MODEL@SNAPSHOT."""
        return spell_tag(self.ref)

    @property
    def full_name(self) -> str:
        """MODEL@SNAPSHOT, which is unambiguous in every repository."""
        return spell_snapshot(self.name, self.model)

    @property
    def model(self) -> str:
        """The name its model had."""
        return self.tag.trailers.get("Model", "")

    @property
    def state_name(self) -> str:
        """The name its state had."""
        return self.tag.trailers.get("State", "")

    @cached_property
    def settings_content(self) -> bytes:
        """The settings as they were, byte for byte."""
        try:
            return self.repository.objects.read_as(Kind.BLOB, self.settings_blob, at_most=limits.SETTINGS)
        except TooLarge as error:
            raise Corrupt(f"{SETTINGS} of {self.short_name} cannot be read: {error.message}") from error

    @cached_property
    def settings(self) -> Settings:
        """The settings as they were. Raises `BadSettings`, and `NotASnapshot` if the tag contradicts them."""
        parsed = settings.parse(self.settings_content, f"{self.name}:{SETTINGS}")
        wrong = trust.find_settings_problems(self, parsed)
        if wrong:
            raise NotASnapshot(
                f"{self.ref} cannot be trusted: {'; '.join(wrong)}", trust.suggest_remedy(self.ref)
            )
        return parsed

    @cached_property
    def lock_content(self) -> bytes | None:
        """The content of packages.lock, if the snapshot has one. Raises `Corrupt` if it cannot be read."""
        if self.lock_blob is None:
            return None
        return self.repository.objects.read_as(Kind.BLOB, self.lock_blob, at_most=limits.PACKAGES_LOCK)

    def check_tag(self) -> None:
        """Raise `NotASnapshot` if the tag contradicts the settings, as far as these can be read."""
        with suppress(BadSettings):
            _ = self.settings

    def list_code_files(self) -> list[StoredFile]:
        """List the files below code/."""
        return list(stored.list_files(self.repository.objects, self.code_tree, joined=False))

    def list_state_files(self) -> list[StoredFile]:
        """List the files below state/. Files in parts are one file each."""
        return list(stored.list_files(self.repository.objects, self.state_tree, joined=True))


class NotASnapshot(Corrupt):
    """A tag that is not, or no longer, shaped like a snapshot."""


class UnreadableSnapshots(Corrupt):
    """Some tags cannot be read as the snapshots that they say they are; `readable` are those that can."""

    def __init__(self, problems: Sequence[str], readable: Sequence[Snapshot]) -> None:
        super().__init__("\n".join(problems), "gitstore verify --all reports what is wrong")
        self.readable = readable


def read(repository: Repository, ref: str, oid: Oid) -> Snapshot | None:
    """The snapshot that a tag is, or `None` for a tag that never was one.

    Raises `Corrupt` if it says it is a snapshot but lacks something, or says what is not so, or is of a
    format from the future.
    """
    snapshot = read_unchecked(repository, ref, oid)
    wrong = trust.find_tag_problems(snapshot) if snapshot is not None else []
    if wrong:
        raise NotASnapshot(f"{ref} cannot be trusted: {'; '.join(wrong)}", trust.suggest_remedy(ref))
    return snapshot


def read_unchecked(repository: Repository, ref: str, oid: Oid) -> Snapshot | None:
    """Like `read`, but does not check what the tag says of itself."""
    kind, content = repository.objects.read_inner(oid)
    if kind is not Kind.TAG:
        return None
    try:
        parsed_tag = tag.parse(content)
    except ValueError as error:
        raise Corrupt(f"{ref} is malformed: {error}") from error
    written_by = parsed_tag.trailers.get("Gitstore-Format")
    if written_by is None:
        return None
    if written_by != FORMAT:
        raise NotASnapshot(
            f"{ref} is of format {shown(written_by)}, which this gitstore does not know",
            "use a newer gitstore",
        )
    return _read_tree(repository, ref, oid=oid, tag=parsed_tag)


def read_own_snapshots(model: Model) -> list[Snapshot]:
    """List the snapshots of a model, oldest first. Raises `UnreadableSnapshots`."""
    space = model.tag_ref("")
    tags = model.repository.refs.list_below(space)
    # Damaged refs of derived models are reported, too.
    return read_snapshots(model.repository, tags._replace(refs=tags.directly_in(space).refs))


def read_all_snapshots(repository: Repository) -> list[Snapshot]:
    """List the snapshots of all models, oldest first. Raises `UnreadableSnapshots`."""
    return read_snapshots(repository, repository.refs.list_below(_TAGS))


def keep_readable(read: Callable[[], list[Snapshot]]) -> list[Snapshot]:
    """Return the snapshots that one of these functions reads, without those that it cannot read."""
    try:
        return read()
    except UnreadableSnapshots as error:
        return list(error.readable)


def read_snapshots(repository: Repository, tags: RefListing) -> list[Snapshot]:
    """Read the snapshots among some tags, oldest first. Other tags are left out.

    Raises `UnreadableSnapshots`, which has the others, for tags that cannot be read or trusted.
    """
    snapshots, problems = [], [error.message for error in tags.damaged]
    for ref, oid in tags.refs.items():
        try:
            snapshot = read(repository, ref, oid)
        except Corrupt as error:
            if is_tag_gone(repository, ref, oid):
                continue
            problems.append(error.message if ref in error.message else f"{ref}: {error.message}")
            continue
        if snapshot is not None:
            snapshots.append(snapshot)
    snapshots.sort(key=_get_order)
    if problems:
        raise UnreadableSnapshots(problems, snapshots)
    return snapshots


def _get_order(snapshot: Snapshot) -> tuple[float, str]:
    return (snapshot.tag.date.timestamp() if snapshot.tag.date else 0.0, snapshot.ref)


@dataclass(frozen=True)
class SnapshotList:
    """Snapshots, oldest first, and what is wrong with them and with tags that cannot be listed.

    `contradictions` are errors of listed snapshots: their tags contradict their settings. `unreadable` has a
    problem for each tag that cannot be read or trusted.
    """

    snapshots: tuple[Snapshot, ...]
    contradictions: tuple[Corrupt, ...]
    unreadable: UnreadableSnapshots | None


def list_snapshots(model: Model, *, of_all_models: bool = False) -> SnapshotList:
    """List a model's snapshots, or those of all models in its repository, and all problems."""
    unreadable: UnreadableSnapshots | None = None
    try:
        readable: Sequence[Snapshot] = (
            read_all_snapshots(model.repository) if of_all_models else read_own_snapshots(model)
        )
    except UnreadableSnapshots as error:
        unreadable, readable = error, error.readable
    return SnapshotList(tuple(readable), tuple(_find_contradictions(readable)), unreadable)


def _find_contradictions(snapshots: Iterable[Snapshot]) -> Iterator[Corrupt]:
    """Yield an error for each snapshot whose tag contradicts its settings, or whose settings are damaged.

    Settings that are missing, as in a partial clone, are passed over, and so are invalid ones.
    """
    sound = set()
    for snapshot in snapshots:
        key = (snapshot.settings_blob, snapshot.model, snapshot.tag.trailers.get(trust.BASED_ON))
        if key in sound:
            continue
        try:
            if not trust.agrees_by_text(snapshot, snapshot.settings_content):
                snapshot.check_tag()
        except MissingObject:
            continue
        except Corrupt as error:
            yield error
        else:
            sound.add(key)


def is_tag_gone(repository: Repository, ref: str, oid: Oid) -> bool:
    """Whether a tag was removed or renamed since it was listed. Its objects may be gone, too."""
    try:
        return repository.refs.get(ref) != oid
    except Corrupt:
        return False


def _read_tree(repository: Repository, ref: str, *, oid: Oid, tag: Tag) -> Snapshot:
    tree_oid = repository.commit(tag.target).tree
    top = read_tree(repository.objects, tree_oid)
    problem = find_shape_problem(top)
    if problem is not None:
        raise NotASnapshot(f"{ref} is not a snapshot: {problem}")
    entries = {entry.name.decode(): entry.oid for entry in top}
    prefix, _, name = ref.removeprefix(_TAGS).rpartition("/")
    return Snapshot(
        repository=repository,
        prefix=f"{prefix}/" if prefix else "",
        name=name,
        tag_oid=oid,
        tag=tag,
        commit=tag.target,
        tree=tree_oid,
        code_tree=entries[CODE],
        state_tree=entries[STATE],
        settings_blob=entries[SETTINGS],
        lock_blob=entries.get(LOCK),
    )
