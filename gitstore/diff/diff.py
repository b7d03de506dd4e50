"""What differs between two snapshots, or between a snapshot and the working copy: settings, code, state."""

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
    """What differs, in each of the three things that a snapshot holds."""

    settings: SettingsDiff
    code: CodeDiff
    state: StateDiff

    @property
    def differs(self) -> bool:
        """Whether anything does. Names do not count: neither the snapshots' nor the states'."""
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
    """Compare a snapshot with another one, of whatever repository, or with what one of a model would hold.

    Writes nothing but the stat cache. Weights are read part by part. With `patch`, the text of the
    code's diff is a patch, else a table of files; `colour` is for a terminal. `progress` hears of
    bytes of state that were hashed or compared, `expect` how many that will be.
    Raises `BadSettings` for broken settings on disk, `Corrupt` for a broken object, and `GitstoreError`
    for a state that changes while it is read.
    """
    content = after.settings_content if isinstance(after, Snapshot) else after.settings_content()
    work = Work(progress, expect)
    return Diff(
        settings_diff.compare(
            before.settings, after.settings, is_other_text=content != before.settings_content
        ),
        code_diff.compare(before, after, patch=patch, colour=colour),
        state_diff.compare(state_diff.of_snapshot(before), _state(after, work), work),
    )


def _state(after: Snapshot | Model, work: Work) -> state_diff.Side:
    if isinstance(after, Snapshot):
        return state_diff.of_snapshot(after)
    return state_diff.of_model(after, work)
