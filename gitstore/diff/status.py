"""The status of a model: its base, its active state, and what changed since the last snapshot or commit.

Whatever cannot be read (invalid settings, a dangling link) becomes a problem in the status, and does not
keep the rest from being read. `diff` compares in more detail.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import PurePosixPath
from typing import NamedTuple

from gitstore import settings
from gitstore.bigfiles import stored
from gitstore.diff import code as code_diff
from gitstore.diff import settings as settings_diff
from gitstore.diff.kinds import classify_change
from gitstore.diff.settings import SettingsDiff
from gitstore.environments import lockfile
from gitstore.errors import GitstoreError
from gitstore.layout import STATES, TOP
from gitstore.models import alias, snapshot, state
from gitstore.models.model import FIRST_STATE, LOCK, SETTINGS, Model, read_committed_file
from gitstore.models.snapshot import Snapshot
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.staging.stage import copied_index
from gitstore.workingcopy import state as working_state
from gitstore.workingcopy.uncommitted import list_uncommitted

_KINDS = {"?": "added", "A": "added", "D": "removed"}


class StateForm(StrEnum):
    """Where the active state is. `UNBORN`: the first, before it has files; `NOWHERE`: its files are gone."""

    UNBORN = "unborn"
    SAVED = "saved"
    ON_DISK = "on disk"
    MODIFIED = "modified"
    NOWHERE = "nowhere"


class FileChange(NamedTuple):
    """A file that was `added`, `removed` or `changed`."""

    path: str
    kind: str


@dataclass
class Status:
    """What `gitstore status` shows. A field is `None` if there is no such thing, or if a problem hides it.

    `branch` is `None` if HEAD is detached; `tags` are then the refs of the tags on its commit. `settings`,
    `code` and `state_files` are what differs from `last_snapshot`, the newest one, which has `aliases`.
    `lock` is what is wrong with packages.lock.
    """

    model: Model
    branch: str | None
    tags: tuple[str, ...] = ()
    state_name: str | None = None
    state_form: StateForm | None = None
    last_snapshot: Snapshot | None = None
    aliases: tuple[str, ...] = ()
    settings: SettingsDiff | None = None
    code: tuple[FileChange, ...] | None = None
    state_files: tuple[FileChange, ...] | None = None
    uncommitted: tuple[FileChange, ...] | None = None
    lock: lockfile.NotCurrent | None = None
    problems: list[GitstoreError] = field(default_factory=list)

    @property
    def differs(self) -> bool | None:
        """Whether anything differs from the last snapshot; `None` if that is unknown."""
        if (self.settings is not None and self.settings.differs) or self.code or self.state_files:
            return True
        return None if self.settings is None or self.code is None or self.state_files is None else False

    @contextmanager
    def _noting_problem(self) -> Iterator[None]:
        """Note an error of the block among the problems, unless it is already there."""
        try:
            yield
        except GitstoreError as error:
            if error.message not in {problem.message for problem in self.problems}:
                self.problems.append(error)


def read_status(model: Model, progress: Progress = lambda _: None) -> Status:
    """Return the status of a model. Writes nothing but the stat cache.

    `progress` is called with bytes of the state. Only files that the stat cache does not know are read.
    """
    status = Status(model, model.repository.head())
    with status._noting_problem():
        status.tags = _list_tags_at_head(model) if status.branch is None else ()
    with status._noting_problem():
        status.last_snapshot = _find_newest(model)
        if status.last_snapshot is not None:
            names = alias.list_names_by_tag(model.repository)
            status.aliases = tuple(names.get(status.last_snapshot.tag_oid, ()))
    status.problems += _list_damaged_tags(model)
    with status._noting_problem():
        _read_state(status, progress)
    with status._noting_problem():
        status.uncommitted = tuple(sorted(_list_uncommitted(model)))
    with status._noting_problem():
        packages = model.settings.packages
        if packages.requirements:
            lock_status = lockfile.check_content(packages, model.read_top_file(LOCK))
            status.lock = lockfile.describe_problem(lock_status)
    if status.last_snapshot is not None:
        _compare(status, status.last_snapshot)
    return status


def _find_newest(model: Model) -> Snapshot | None:
    """Return the model's snapshot with the latest date, of several the last by name; `None` without any.

    Stock git reads the dates of all tags, which is fast even for ten thousand; only one snapshot is read.
    """
    space = model.tag_ref("")
    order = ("--sort=-refname", "--sort=-taggerdate", "--format=%(objectname) %(refname)")
    output = model.repository.git("for-each-ref", *order, f"{space}*")
    for line in os.fsdecode(output).splitlines():
        oid, _, ref = line.partition(" ")
        if ref.count("/") != space.count("/"):
            continue
        newest = snapshot.read(model.repository, ref, Oid.parse(oid))
        if newest is not None:
            return newest
    return None


def _list_damaged_tags(model: Model) -> list[GitstoreError]:
    """Return the errors of the model's tags that cannot be read, which stock git leaves out of its list."""
    space = model.tag_ref("")
    return [*model.repository.refs.list_below(space).directly_in(space).damaged]


def _list_tags_at_head(model: Model) -> tuple[str, ...]:
    output = model.repository.git("for-each-ref", "--points-at=HEAD", "--format=%(refname)", "refs/tags/")
    return tuple(os.fsdecode(output).splitlines())


def _read_state(status: Status, progress: Progress) -> None:
    """Find out where the active state is, and which of its files differ from the last snapshot."""
    model = status.model
    name = status.state_name = model.active_state
    saved, on_disk = state.find_saved_tree(model, name), None
    if state.has_files(model, name):
        on_disk = working_state.read(model, name, progress)
    files: Mapping[PurePosixPath, Oid] = {}
    if on_disk is not None:
        files = on_disk.entries
        unsaved = StateForm.ON_DISK if saved is None else StateForm.MODIFIED
        status.state_form = StateForm.SAVED if saved == on_disk.tree else unsaved
    elif saved is not None:
        files, status.state_form = _list_stored(model, saved), StateForm.SAVED
    else:
        status.state_form = StateForm.UNBORN if name == FIRST_STATE else StateForm.NOWHERE
    if status.last_snapshot is not None:
        stored_files = _list_stored(model, status.last_snapshot.state_tree)
        status.state_files = tuple(_compare_files(stored_files, files))


def _list_stored(model: Model, tree: Oid) -> dict[PurePosixPath, Oid]:
    return {file.path: file.entry for file in stored.list_files(model.repository.objects, tree, joined=True)}


def _compare_files(
    before: Mapping[PurePosixPath, Oid], after: Mapping[PurePosixPath, Oid]
) -> Iterator[FileChange]:
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield FileChange(str(path), classify_change(before.get(path), after.get(path)))


def _compare(status: Status, last: Snapshot) -> None:
    """Compare settings and code with the last snapshot's."""
    model = status.model
    with status._noting_problem():
        is_other = model.read_settings_content() != last.settings_content
        status.settings = settings_diff.compare(last.settings, model.settings, is_other_text=is_other)
    with status._noting_problem():
        status.code = tuple(FileChange(*change) for change in code_diff.list_changes(last, model))


def _list_uncommitted(model: Model) -> Iterator[FileChange]:
    """Yield the files of code, settings and packages.lock that differ from the branch; none if bare."""
    if model.repository.is_bare:
        return
    code = _find_code(model)
    with copied_index(model.repository) as variables:
        files = list_uncommitted(model.repository, (code, SETTINGS, LOCK), variables=variables)
    for file in files:
        if code == TOP and file.path.startswith(f"{STATES}/"):
            continue  # a state is not code, even if .gitignore does not list it
        kinds = [_KINDS[mark] for mark in file.marks if mark in _KINDS]
        # The index still has a new file that was removed again. The last mark says how it is on disk.
        yield FileChange(file.path, kinds[-1] if kinds else "changed")


def _find_code(model: Model) -> PurePosixPath:
    """Return the code directory, by the committed settings if those on disk are invalid or missing."""
    try:
        return model.code_directory
    except GitstoreError:
        content = (
            read_committed_file(model.repository, model.head, SETTINGS) if model.head is not None else None
        )
        if content is None:
            raise
        return PurePosixPath(settings.parse(content).code)
