"""What gitstore promises, held against what was measured. The only place that knows the thresholds."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.bench.data import number_type
from tests.bench.own import Own
from tests.bench.raw import COPY, Limit
from tests.bench.scenario import FIRST, RESTORE, SECOND, UNCHANGED, Summary
from tests.bench.units import GIB, KIB, MIB, seconds_text, size_text

SHARE_AT_MOST = {"float32": 0.85, "bfloat16": 0.69, "float16": 0.90}
"""Of the bytes of numbers of each type."""
IN_MEMORY_AT_MOST = 1.8
"""Seconds for the first snapshot of 1 GiB on a file system in memory, with 2 cores."""
FIRST_AT_MOST, RESTORE_AT_MOST = 2.5, 1.2
"""Times as long as a copy of the file."""
STORED_AT_MOST = 1.1
ADDED_AT_MOST = 0.15
UNCHANGED_BELOW = 0.3
RIVALS = ("git", "git-lfs", "DVC", "restic", "borg", "Oxen")
RESTORED_BY = ("git-lfs", "restic", "borg")
DERIVE_BELOW, DERIVE_BYTES_BELOW = 1.0, 16 * KIB
START_BELOW = 0.15
LIST_BELOW = 1.0
MEMORY_BELOW = 300 * MIB

_CLOCKS = (("durable", "until on disk"), ("returned", "until the command returns"))


@dataclass(frozen=True, slots=True)
class Verdict:
    """One promise; `held` is None when there was nothing to hold it against."""

    promise: str
    held: bool | None
    measured: str

    @property
    def word(self) -> str:
        return {True: "PASS", False: "MISS", None: "NOT MEASURED"}[self.held]


def judge(kind: str, size: int, summaries: Sequence[Summary]) -> Iterator[Verdict]:
    """The promises about one kind of data, on the medians of the repeats."""
    others = [summary for summary in summaries if summary.tool != "gitstore"]
    ours = next((summary for summary in summaries if summary.tool == "gitstore"), None)
    if ours is None or ours.error:
        yield Verdict(f"{kind}: everything", None, "gitstore failed" if ours else "gitstore is not installed")
        return
    for step in (FIRST, SECOND):
        for clock, until in _CLOCKS:
            promise = f"{kind}: {step} snapshot faster than all, {until}"
            yield _fastest(promise, step, clock, ours, others, RIVALS)
    yield from _sizes(kind, size, ours, others)
    unchanged = ours.seconds(UNCHANGED, "durable", statistics.median)
    if unchanged is not None:
        yield _below(f"{kind}: snapshot of nothing changed", unchanged, UNCHANGED_BELOW)
    for clock, until in _CLOCKS:
        promise = f"{kind}: restore at least as fast as {', '.join(RESTORED_BY)}, {until}"
        yield _fastest(promise, RESTORE, clock, ours, others, RESTORED_BY)


@dataclass(frozen=True, slots=True)
class KindResult:
    """All that was measured on one kind of data."""

    kind: str
    size: int
    limits: Sequence[Limit]
    summaries: Sequence[Summary]


def judge_limits(result: KindResult, *, in_memory: bool) -> Iterator[Verdict]:
    """The promises about gitstore alone on one kind of data, beside what the machine can do."""
    ours = next((summary for summary in result.summaries if summary.tool == "gitstore"), None)
    if ours is None or ours.error:
        return
    stored, most = ours.bytes_added(FIRST), SHARE_AT_MOST[number_type(result.kind)]
    if stored is not None:
        share = stored / result.size
        yield Verdict(f"{result.kind}: stored in at most {most} of the bytes", share <= most, f"{share:.3f}")
    copy = result.size / next(limit.rate for limit in result.limits if limit.what == COPY)
    first = ours.seconds(FIRST, "durable", statistics.median)
    if first is not None and in_memory:
        promise = f"{result.kind}: first snapshot in memory, 1 GiB in at most {IN_MEMORY_AT_MOST} s"
        seconds = first * GIB / result.size
        yield Verdict(promise, seconds <= IN_MEMORY_AT_MOST, f"{seconds_text(seconds)} s")
    elif first is not None:
        yield _beside_copy(f"{result.kind}: first snapshot", first, copy, FIRST_AT_MOST)
    restore = ours.seconds(RESTORE, "durable", statistics.median)
    if restore is not None:
        yield _beside_copy(f"{result.kind}: restore", restore, copy, RESTORE_AT_MOST)


def _beside_copy(what: str, seconds: float, copy: float, most: float) -> Verdict:
    text = f"{seconds / copy:.2f} × {seconds_text(copy)} s"
    return Verdict(f"{what} at most {most} × a copy and sync", seconds <= most * copy, text)


def _sizes(kind: str, size: int, ours: Summary, others: Sequence[Summary]) -> Iterator[Verdict]:
    stored, added = ours.bytes_added(FIRST), ours.bytes_added(SECOND)
    sizes = [(other.bytes_added(FIRST), other.tool) for other in others]
    least = min(((size, tool) for size, tool in sizes if size is not None), default=None)
    promise = f"{kind}: stored at most {STORED_AT_MOST} × the smallest"
    if stored is None or least is None:
        yield Verdict(promise, None, "nothing to compare with")
    else:
        text = f"{size_text(stored)}, {stored / least[0]:.3f} × {least[1]}"
        yield Verdict(promise, stored <= STORED_AT_MOST * least[0], text)
    if added is not None:
        promise = f"{kind}: second snapshot adds at most {ADDED_AT_MOST} × the file"
        yield Verdict(promise, added <= ADDED_AT_MOST * size, f"{added / size:.3f} ×")


def judge_own(own: Own) -> Iterator[Verdict]:
    """The promises about gitstore alone."""
    yield _below(f"derive on {size_text(own.size)}", statistics.median(own.derive.seconds), DERIVE_BELOW)
    yield Verdict(
        f"derive adds less than {size_text(DERIVE_BYTES_BELOW)}",
        # Bytes in files: du counts 4 KiB for each of the directories that git makes for any worktree.
        own.derive.added_in_files < DERIVE_BYTES_BELOW,
        f"{size_text(own.derive.added_in_files)} in files; {size_text(own.derive.added)} with directories",
    )
    yield _below("gitstore --version", statistics.median(own.start), START_BELOW)
    listed = statistics.median(own.long_list.seconds)
    yield _below(f"gitstore list of {own.long_list.count} snapshots", listed, LIST_BELOW)
    for what, peak in (("snapshot", own.snapshot_peak), ("export", own.export_peak)):
        promise = f"memory of {what} below {size_text(MEMORY_BELOW)}"
        text = f"ru_maxrss {size_text(peak.resident)}, anonymous {size_text(peak.anonymous)}"
        yield Verdict(promise, peak.worst < MEMORY_BELOW, text)


def _below(what: str, seconds: float, limit: float) -> Verdict:
    return Verdict(f"{what} under {limit} s", seconds < limit, f"{seconds_text(seconds)} s")


def _fastest(
    promise: str, step: str, clock: str, ours: Summary, others: Sequence[Summary], rivals: Sequence[str]
) -> Verdict:
    """Our step against the fastest rival's; rivals that were not measured are named."""
    mine = ours.seconds(step, clock, statistics.median)
    measured = {other.tool: other.seconds(step, clock, statistics.median) for other in others}
    theirs = [(measured[tool] or 0.0, tool) for tool in rivals if measured.get(tool) is not None]
    if mine is None or not theirs:
        return Verdict(promise, None, "nothing to compare with")
    seconds, tool = min(theirs)
    absent = ", ".join(rival for rival in rivals if measured.get(rival) is None)
    text = f"{seconds_text(mine)} s against {seconds_text(seconds)} s of {tool}"
    return Verdict(promise, mine <= seconds, text + (f"; not against {absent}" if absent else ""))
