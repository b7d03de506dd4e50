"""What differs between two snapshots, or a snapshot and the working copy: in settings, code and state."""

from __future__ import annotations

from dataclasses import dataclass

from gitstore.diff import code as code_diff
from gitstore.diff import settings as settings_diff
from gitstore.diff import state as state_diff
from gitstore.diff.code import CodeDiff
from gitstore.diff.settings import SettingsDiff
from gitstore.diff.state import StateDiff, Work
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.progress import Progress


@dataclass(frozen=True)
class Diff:
    """What differs in settings, code and state."""

    settings: SettingsDiff
    code: CodeDiff
    state: StateDiff

    @property
    def differs(self) -> bool:
        """Whether anything differs. The names of snapshots and states do not count."""
        return self.settings.differs or bool(self.code.files) or bool(self.state.files)


def compare(
    before: Snapshot,
    after: Snapshot | Model,
    *,
    patch: bool = False,
    colour: bool = False,
    progress: Progress = lambda _: None,
    expect: Progress = lambda _: None,
) -> Diff:
    """Compare a snapshot with another one, of any repository, or with what a new one of a model would hold.

    Writes nothing but the stat cache. Weights are read part by part. With `patch`, the text of the code's
    diff is a patch, else a table of files; `colour` adds the same text in colour. `progress` is called with
    the bytes of state that were hashed or compared, `expect` with their total. Raises `BadSettings` for
    invalid settings on disk, `Corrupt` for a broken object, and `GitstoreError` for a state that changes
    while it is read.
    """
    content = after.settings_content if isinstance(after, Snapshot) else after.read_settings_content()
    work = Work(progress, expect)
    return Diff(
        settings_diff.compare(
            before.settings, after.settings, is_other_text=content != before.settings_content
        ),
        code_diff.compare(before, after, patch=patch, colour=colour),
        state_diff.compare(_read_state(before, work), _read_state(after, work), work),
    )


def _read_state(source: Snapshot | Model, work: Work) -> state_diff.Side:
    if isinstance(source, Snapshot):
        return state_diff.read_snapshot(source)
    return state_diff.read_model(source, work)
