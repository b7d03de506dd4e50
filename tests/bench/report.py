"""The run as Markdown. Measures nothing and judges nothing."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.measure import Peak
from tests.bench.own import Own
from tests.bench.scenario import FIRST, RESTORE, SCENARIOS, SECOND, Statistic, Summary
from tests.bench.targets import KindResult, Verdict, judge, judge_limits, judge_own
from tests.bench.units import MIB, seconds_text, size_text

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"

_LEGEND = """\
Seconds are *until the command returns / until a `sync` after it returns too*; in parentheses, the second
of these relative to gitstore's. Every tool gets the same file from the page cache, a sync before the clock
starts, no configuration of the user, and a random place in the order. Restored weights are compared with
the original by SHA-256, outside of the time. `stored` and `added` are what `du -sb` says of the store.
*core-s* are the seconds of a core in all processes of the step (Oxen's process goes on, so it has none)."""

_PAPERS = """\
For comparison, from papers: ZipNN stores bfloat16 in 0.66 of its bytes and float32 in 0.83
(arXiv:2411.05239), DFloat11 bfloat16 in 0.68 to 0.70
(arXiv:2504.11651). Both have formats of their own."""


@dataclass(slots=True)
class Run:
    """A whole run of the benchmark."""

    command: str
    repeats: int
    machine: Sequence[tuple[str, str]]
    missing: Sequence[str]
    kinds: list[KindResult] = field(default_factory=list)
    own: Own | None = None
    own_error: str | None = None


def markdown(run: Run) -> str:
    """The whole report."""
    return "\n".join(_lines(run)).rstrip() + "\n"


def write_section(path: Path, text: str, begin_mark: str = BEGIN, end_mark: str = END) -> None:
    """Put `text` between two marks of `path`; what a person wrote around them stays."""
    section = f"{begin_mark}\n{text}{end_mark}\n"
    old = path.read_text() if path.exists() else ""
    before, begin, rest = old.partition(f"{begin_mark}\n")
    _, end, after = rest.partition(f"{end_mark}\n")
    if old and not (begin and end):
        before, after = f"{old.rstrip()}\n\n", ""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(before + section + after)


def verdicts(run: Run) -> list[Verdict]:
    """Every promise, held against the run."""
    in_memory = ("file system", "tmpfs") in run.machine
    found = [
        verdict
        for kind in run.kinds
        for verdict in (
            *judge(kind.kind, kind.size, kind.summaries),
            *judge_limits(kind, in_memory=in_memory),
        )
    ]
    return found + (list(judge_own(run.own)) if run.own else [])


def _lines(run: Run) -> Iterator[str]:
    yield from (f"Made by `{run.command}`, best of {run.repeats}.", "", _LEGEND, "")
    for kind in run.kinds:
        yield from (f"### {size_text(kind.size)} of {kind.kind}", "")
        yield from _comparison(kind, min)
        if run.repeats > 1:
            yield from (f"The same, median of {run.repeats}:", "")
            yield from _comparison(kind, statistics.median)
        yield from _limits(kind)
    yield from (_PAPERS, "")
    yield from _notes(run)
    yield from _own(run)
    yield from ("### Machine", "", *(f"* {what}: {value}" for what, value in run.machine), "")
    yield from ("### Promises", "", "On the medians of the repeats.", "")
    yield from _table(("", "promise", "measured"), [(v.word, v.promise, v.measured) for v in verdicts(run)])


def _comparison(kind: KindResult, statistic: Statistic) -> Iterator[str]:
    ours = next((summary for summary in kind.summaries if summary.tool == "gitstore"), None)
    header = (
        "tool", "version", "first, s", "core-s", "stored", "second, s", "added", "unchanged, s", "restore, s",
        "core-s",
    )  # fmt: skip
    rows = []
    for summary in kind.summaries:
        first, second, unchanged, restore = (
            _seconds_cell(summary, ours, step, statistic) for step in SCENARIOS
        )
        stored, added = (_bytes_cell(summary, ours, step) for step in (FIRST, SECOND))
        first_cpu, restore_cpu = (_cpu_cell(summary, step, statistic) for step in (FIRST, RESTORE))
        times = (first, first_cpu, stored, second, added, unchanged, restore, restore_cpu)
        rows.append((summary.tool, summary.version, *times))
    yield from _table(header, rows)


def _seconds_cell(summary: Summary, ours: Summary | None, step: str, statistic: Statistic) -> str:
    returned = summary.seconds(step, "returned", statistic)
    durable = summary.seconds(step, "durable", statistic)
    if returned is None or durable is None:
        return "failed" if summary.error else "–"
    reference = ours.seconds(step, "durable", statistic) if ours and ours is not summary else None
    return f"{seconds_text(returned)} / {seconds_text(durable)}{_ratio(durable, reference)}"


def _cpu_cell(summary: Summary, step: str, statistic: Statistic) -> str:
    seconds = summary.seconds(step, "cpu", statistic)
    return seconds_text(seconds) if seconds else "–"


def _bytes_cell(summary: Summary, ours: Summary | None, step: str) -> str:
    value = summary.bytes_added(step)
    if value is None:
        return "failed" if summary.error else "–"
    reference = ours.bytes_added(step) if ours and ours is not summary else None
    return size_text(value) + _ratio(value, reference)


def _ratio(value: float, reference: float | None) -> str:
    return f" ({value / reference:.2f}×)" if reference else ""


def _limits(kind: KindResult) -> Iterator[str]:
    yield from ("What the machine can do with the same bytes:", "")
    rows = [
        (limit.what, f"{limit.rate / MIB:.0f}", seconds_text(kind.size / limit.rate), limit.remark)
        for limit in kind.limits
    ]
    yield from _table(("raw operation", "MiB/s", "s for the file", ""), rows)


def _notes(run: Run) -> Iterator[str]:
    summaries = {summary.tool: summary for kind in run.kinds for summary in kind.summaries}
    yield from ("### Tools", "")
    yield from (f"* **{tool}** {s.version}: {s.note}." for tool, s in summaries.items())
    yield from (f"* **{tool}**: not installed, not measured." for tool in run.missing)
    failures = [(k.kind, s.tool, s.error) for k in run.kinds for s in k.summaries if s.error]
    yield from (f"* **{tool} failed** on {kind}: {error}." for kind, tool, error in failures)
    yield ""


def _own(run: Run) -> Iterator[str]:
    if run.own is None and run.own_error is None:
        return
    yield from ("### gitstore alone", "")
    if run.own is None:
        yield from (f"Failed: {run.own_error}.", "")
        return
    own = run.own
    many = own.long_list
    each = seconds_text(many.creation / many.count)
    yield from _table(
        ("what", "best", "median"),
        [
            (f"`derive` on {size_text(own.size)}, s", *_best_and_median(own.derive.seconds)),
            ("`gitstore --version`, s", *_best_and_median(own.start)),
            (f"`gitstore list` of {many.count:,} snapshots, s", *_best_and_median(many.seconds)),
        ],
    )
    yield f"* `derive` adds {size_text(own.derive.added)} to `.git` (`du -sb`, without the worktree's index)."
    yield f"* {many.count:,} snapshots were made in {many.creation:.1f} s, {each} s each, in one process."
    yield f"* Memory of `snapshot`: {_peak(own.snapshot_peak)}; of `export`: {_peak(own.export_peak)}."
    yield ""


def _best_and_median(seconds: Sequence[float]) -> tuple[str, str]:
    return seconds_text(min(seconds)), seconds_text(statistics.median(seconds))


def _peak(peak: Peak) -> str:
    return f"`ru_maxrss` {size_text(peak.resident)}, anonymous in all processes {size_text(peak.anonymous)}"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(header)} |"
    yield "|" + "---|" * len(header)
    yield from (f"| {' | '.join(row)} |" for row in rows)
    yield ""
