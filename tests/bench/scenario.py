"""The steps that every tool is taken through, in the same order, on the same bytes."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.data import Sample, sha256
from tests.bench.measure import CommandFailed, Timing, timed
from tests.bench.tools import Scratch, Tool

FIRST, SECOND, UNCHANGED, RESTORE = "first", "second", "unchanged", "restore"
SCENARIOS = (FIRST, SECOND, UNCHANGED, RESTORE)

# git compares whole seconds: a younger file is "racily clean", and would be read again later.
_OLD_ENOUGH = 1.1

Statistic = Callable[[Sequence[float]], float]


@dataclass(slots=True)
class Outcome:
    """What one tool did in one repeat. A step that failed, and all after it, are absent."""

    timings: dict[str, Timing] = field(default_factory=dict)
    added: dict[str, int] = field(default_factory=dict)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """One tool on one kind of data: all its repeats."""

    tool: str
    version: str
    note: str
    outcomes: tuple[Outcome, ...]

    @property
    def error(self) -> str | None:
        """The first failure, if there was one."""
        return next((outcome.error for outcome in self.outcomes if outcome.error), None)

    def seconds(self, step: str, clock: str, statistic: Statistic) -> float | None:
        """A step's seconds by one of Timing's clocks, over the repeats; None if it was not done."""
        values = [
            getattr(outcome.timings[step], clock) for outcome in self.outcomes if step in outcome.timings
        ]
        return statistic(values) if values else None

    def bytes_added(self, step: str) -> int | None:
        """What a step added to the store. The repeats agree to within a few bytes: the largest."""
        return max((o.added[step] for o in self.outcomes if step in o.added), default=None)


def take_through(tool: Tool, sample: Sample, root: Path, wanted: Collection[str]) -> Outcome:
    """Take `tool` through the wanted steps in `root`, which is gone afterwards. `first` is always done."""
    scratch, outcome = Scratch(root), Outcome()
    scratch.make()
    try:
        tool.prepare(scratch)
        _steps(tool, sample, outcome, wanted)
    except (CommandFailed, OSError) as error:
        outcome.error = str(error)
    finally:
        tool.close()
        shutil.rmtree(root)
    return outcome


def _steps(tool: Tool, sample: Sample, outcome: Outcome, wanted: Collection[str]) -> None:
    shutil.copyfile(sample.weights, tool.weights())
    _record(tool, outcome, FIRST, "v1", already=0)
    if SECOND in wanted:
        sample.apply_change(tool.weights())
        _record(tool, outcome, SECOND, "v2", already=tool.stored_bytes())
    if UNCHANGED in wanted:
        _record(tool, outcome, UNCHANGED, "v3", already=tool.stored_bytes())
    if RESTORE in wanted:
        tool.before_restore()
        timing = timed(lambda: tool.restore("v1"))
        if sha256(tool.restored()) != sample.sha256:
            raise CommandFailed(f"{tool.name} restored other bytes than it was given")
        outcome.timings[RESTORE] = timing


def _record(tool: Tool, outcome: Outcome, step: str, label: str, *, already: int) -> None:
    """Time one snapshot, with the file in the page cache for everyone."""
    tool.before_snapshot(label)
    sha256(tool.weights())
    time.sleep(max(0.0, tool.weights().stat().st_mtime + _OLD_ENOUGH - time.time()))
    outcome.timings[step] = timed(lambda: tool.snapshot(label))
    outcome.added[step] = tool.stored_bytes() - already
