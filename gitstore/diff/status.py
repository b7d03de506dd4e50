"""How a model stands: its base, its active state, and what is not in its last snapshot or not committed.

What cannot be told (settings that are broken, a link that leads nowhere) is a problem beside the rest,
and no reason to tell nothing. Tensors are not compared; that is `diffing`.
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
from gitstore.diff import kinds as change
from gitstore.diff import settings as settings_diff
from gitstore.diff.settings import SettingsDiff
from gitstore.environments import lockfile
from gitstore.errors import GitstoreError
from gitstore.layout import STATES, TOP
from gitstore.models import snapshot, state
from gitstore.models.model import FIRST_STATE, LOCK, SETTINGS, Model, committed_file
from gitstore.models.snapshot import Snapshot
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.staging.stage import copied_index
from gitstore.workingcopy import state as working_state
from gitstore.workingcopy.uncommitted import list_uncommitted

_KINDS = {"?": "added", "A": "added", "D": "removed"}


class Form(StrEnum):
    """Where the active state is. `UNBORN`: the first, before it has files; `NOWHERE`: gone."""

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
    """How a model stands. What is `None` there is not, or it could not be told: `problems` say why.

    `branch` is `None` where HEAD is detached; `at` are the refs of tags on its commit then. `settings`,
    `code` and `files` (of the state) are what differs from `last`, the newest snapshot. `lock` says what is
    wrong with packages.lock.
    """

    model: Model
    branch: str | None
    at: tuple[str, ...] = ()
    state: str | None = None
    form: Form | None = None
    last: Snapshot | None = None
    settings: SettingsDiff | None = None
    code: tuple[FileChange, ...] | None = None
    files: tuple[FileChange, ...] | None = None
    uncommitted: tuple[FileChange, ...] | None = None
    lock: lockfile.NotCurrent | None = None
    problems: list[GitstoreError] = field(default_factory=list)

    @property
    def differs(self) -> bool | None:
        """Whether anything differs from the last snapshot; `None` if that cannot be told."""
        if (self.settings is not None and self.settings.differs) or self.code or self.files:
            return True
        return None if self.settings is None or self.code is None or self.files is None else False

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Note what keeps a thing from being told, once."""
        try:
            yield
        except GitstoreError as error:
            if error.message not in {each.message for each in self.problems}:
                self.problems.append(error)


def of(model: Model, progress: Progress = lambda _: None) -> Status:
    """How a model stands. Writes nothing but the stat cache.

    `progress` hears of the state's bytes. Weights are read only where the stat cache does not know them.
    """
    found = Status(model, model.repository.head())
    with found._telling():
        found.at = _tags_at_head(model) if found.branch is None else ()
    with found._telling():
        found.last = newest(model)
    found.problems += _damaged_tags(model)
    with found._telling():
        _look_at_state(found, progress)
    with found._telling():
        found.uncommitted = tuple(sorted(_uncommitted(model)))
    with found._telling():
        wanted = model.settings.packages
        if wanted.requirements:
            found.lock = lockfile.problem(lockfile.status(wanted, model.top_file(LOCK)))
    if found.last is not None:
        _compare(found, found.last)
    return found


def newest(model: Model) -> Snapshot | None:
    """The model's snapshot with the latest date, by name the last of several; `None` if there is none.

    Of other tags only dates are read, and by stock git: ten thousand take a moment.
    """
    space = model.tag_ref("")
    order = ("--sort=-refname", "--sort=-taggerdate", "--format=%(objectname) %(refname)")
    listed = model.repository.git("for-each-ref", *order, f"{space}*")
    for line in os.fsdecode(listed).splitlines():
        oid, _, ref = line.partition(" ")
        found = (
            snapshot.read(model.repository, ref, Oid.parse(oid))
            if ref.count("/") == space.count("/")
            else None
        )
        if found is not None:
            return found
    return None


def _damaged_tags(model: Model) -> list[GitstoreError]:
    """The refs of the model's snapshots that cannot be read: stock git leaves them out of its list."""
    space = model.tag_ref("")
    damaged = model.repository.refs.list_below(space).damaged
    return [each for each in damaged if "/" not in each.ref.removeprefix(space)]


def _tags_at_head(model: Model) -> tuple[str, ...]:
    listed = model.repository.git("for-each-ref", "--points-at=HEAD", "--format=%(refname)", "refs/tags/")
    return tuple(os.fsdecode(listed).splitlines())


def _look_at_state(found: Status, progress: Progress) -> None:
    """Find out where the active state is, and which of its files are not in the last snapshot."""
    model = found.model
    name = found.state = state.active(model)
    saved, on_disk = state.saved_tree(model, name), None
    if state.has_files(model, name):
        on_disk = working_state.read(model, name, progress)
    if on_disk is not None:
        now: Mapping[PurePosixPath, Oid] = on_disk.entries
        found.form = Form.ON_DISK if saved is None else Form.SAVED if saved == on_disk.tree else Form.MODIFIED
    elif saved is not None:
        now, found.form = _stored(model, saved), Form.SAVED
    else:
        now, found.form = {}, Form.UNBORN if name == FIRST_STATE else Form.NOWHERE
    if found.last is not None:
        found.files = tuple(_file_changes(_stored(model, found.last.state), now))


def _stored(model: Model, tree: Oid) -> dict[PurePosixPath, Oid]:
    return {file.path: file.entry for file in stored.files(model.repository.objects, tree, joined=True)}


def _file_changes(
    before: Mapping[PurePosixPath, Oid], after: Mapping[PurePosixPath, Oid]
) -> Iterator[FileChange]:
    for path in sorted(before.keys() | after.keys()):
        if before.get(path) != after.get(path):
            yield FileChange(str(path), change.kind(before.get(path), after.get(path)))


def _compare(found: Status, last: Snapshot) -> None:
    """Compare settings and code with the last snapshot's."""
    model = found.model
    with found._telling():
        is_other = model.settings_content() != last.settings_content
        found.settings = settings_diff.compare(last.settings, model.settings, is_other_text=is_other)
    with found._telling():
        found.code = tuple(FileChange(*change) for change in code_diff.changed_files(last, model))


def _uncommitted(model: Model) -> Iterator[FileChange]:
    """What of code, settings and packages.lock the branch has not, or has otherwise. A bare one has all."""
    if model.repository.is_bare:
        return
    code = _code(model)
    with copied_index(model.repository) as variables:
        files = list_uncommitted(model.repository, (code, SETTINGS, LOCK), variables=variables)
    for file in files:
        if code == TOP and file.path.startswith(f"{STATES}/"):
            continue  # this is no code, even if .gitignore does not list it
        kinds = [_KINDS[mark] for mark in file.marks if mark in _KINDS]
        # The index still knows a new file that was removed again.
        yield FileChange(file.path, kinds[-1] if kinds else "changed")


def _code(model: Model) -> PurePosixPath:
    """Where the code is, by the committed settings if those on disk are broken or gone."""
    try:
        return model.code
    except GitstoreError:
        content = committed_file(model.repository, model.head, SETTINGS) if model.head is not None else None
        if content is None:
            raise
        return PurePosixPath(settings.parse(content).code)
