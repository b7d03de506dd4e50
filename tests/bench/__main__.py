"""`python -m tests.bench`: what to run, in which order, and where the report goes."""

from __future__ import annotations

import argparse
import random
import shlex
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench import data, own, raw, report, scenario, targets
from tests.bench.machine import describe
from tests.bench.measure import CommandFailed, apart
from tests.bench.tools import Borg, Dvc, Git, GitLfs, Gitstore, Oxen, Restic, Tool
from tests.bench.units import GIB, MIB, parse_size, size_text, size_word

OWN = "own"
DEFAULT_MARKDOWN = Path("docs/performance.md")
# Sample, working copy, two uncompressed versions in the store, a restored file, and some.
_TIMES_SIZE = 6


def main() -> int:
    """Run the benchmark; 1 if a tool failed. A missed promise is a result, not a failure."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="gitstore-bench-", dir=options.dir) as name:
        directory = Path(name)
        _check_space(directory, options.size)
        run = _measure(options, directory)
    text = report.markdown(run)
    print(text)
    if options.markdown is not None:
        report.write_section(options.markdown, text)
    elif _is_whole(options):
        report.write_section(DEFAULT_MARKDOWN, text)
    failed = any(summary.error for kind in run.kinds for summary in kind.summaries) or run.own_error
    return 1 if failed else 0


def _measure(options: argparse.Namespace, directory: Path) -> report.Run:
    tools = _chosen_tools(options)
    versions = {tool: tool.version() for tool in tools}
    missing = [tool.name for tool in tools if versions[tool] is None]
    installed = {tool: version for tool, version in versions.items() if version is not None}
    run = report.Run(_command(options), options.repeat, describe(directory), missing)
    order = random.Random(options.seed)
    for kind in options.kinds:
        _say(f"{kind}: making {size_text(options.size)}")
        sample = apart(data.make_sample, kind, options.size, options.seed, directory / "sample")
        limits = apart(raw.raw_limits, sample.weights, directory)
        summaries = _compare(installed, sample, directory / "tool", options, order)
        run.kinds.append(targets.KindResult(kind, sample.size, limits, summaries))
        for tool in installed:
            if isinstance(tool, Gitstore) and OWN in options.only and kind == options.kinds[0]:
                _ask_gitstore(run, tool, sample, directory / "own", options.snapshots)
        shutil.rmtree(directory / "sample")
    return run


def _compare(
    installed: Mapping[Tool, str],
    sample: data.Sample,
    root: Path,
    options: argparse.Namespace,
    order: random.Random,
) -> list[scenario.Summary]:
    """Take every tool through the steps, in another order in each repeat."""
    outcomes: dict[Tool, list[scenario.Outcome]] = {tool: [] for tool in installed}
    for repeat in range(options.repeat):
        for tool in order.sample(list(installed), len(installed)):
            _say(f"{sample.kind}: {tool.name}, {repeat + 1} of {options.repeat}")
            outcomes[tool].append(scenario.take_through(tool, sample, root, options.only))
    return [
        scenario.Summary(tool.name, version, tool.note, tuple(outcomes[tool]))
        for tool, version in installed.items()
    ]


def _ask_gitstore(run: report.Run, tool: Gitstore, sample: data.Sample, root: Path, count: int) -> None:
    _say("gitstore alone")
    try:
        run.own = own.ask(tool, sample, root, count)
    except (CommandFailed, OSError) as error:
        run.own_error = str(error)


def _chosen_tools(options: argparse.Namespace) -> list[Tool]:
    every: list[Tool] = [
        Gitstore(shlex.split(options.gitstore)),
        Git(),
        GitLfs(),
        Dvc(shlex.split(options.dvc)),
        Restic(),
        Borg(),
        Oxen(options.oxen_python),
    ]
    names = {tool.name.lower() for tool in every}
    if unknown := set(options.tools or ()) - names:
        sys.exit(f"bench: --tools: {', '.join(sorted(unknown))}: not one of {', '.join(sorted(names))}")
    return [tool for tool in every if not options.tools or tool.name.lower() in options.tools]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    beside = str(Path(sys.executable).with_name("gitstore"))
    steps = (*scenario.SCENARIOS, OWN)
    add = parser.add_argument
    add("--size", type=_size, default=GIB, help="of each kind of data (1GiB)")
    add("--kinds", type=_WordsOf(data.KINDS), default=data.KINDS, help=",".join(data.KINDS))
    add(
        "--dir",
        type=Path,
        help="where to work, on the disk that is to be measured (the system's temporary directory)",
    )
    add("--tools", type=_words, help="gitstore,git,git-lfs,dvc,restic,borg,oxen")
    add("--only", type=_WordsOf(steps), default=steps, help=",".join(steps))
    add("--repeat", type=int, default=1, metavar="N", help="best and median of N")
    add("--seed", type=int, default=1, help="of the data and of the order of the tools")
    add("--snapshots", type=int, default=1000, metavar="N", help="in the long list (1000)")
    add("--markdown", type=Path, metavar="FILE", help=f"default: {DEFAULT_MARKDOWN}, if nothing is left out")
    add("--gitstore", default=shlex.quote(beside), metavar="CMD", help="default: beside this Python")
    add("--dvc", default="dvc", metavar="CMD", help="default: dvc on PATH")
    add("--oxen-python", default=sys.executable, metavar="PYTHON", help="a Python that has oxenai")
    return parser


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _words(text: str) -> list[str]:
    return [word.strip().lower() for word in text.split(",") if word.strip()]


class _WordsOf:
    """An argparse type: words of a list, each of which must be allowed."""

    def __init__(self, allowed: Sequence[str]) -> None:
        self.allowed = allowed

    def __call__(self, text: str) -> list[str]:
        words = _words(text)
        if unknown := [word for word in words if word not in self.allowed]:
            raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: not one of {', '.join(self.allowed)}")
        return words


def _is_whole(options: argparse.Namespace) -> bool:
    """Whether this run may replace the table that is kept: nothing smaller, nothing left out."""
    parser = _parser()
    return all(
        getattr(options, name) == parser.get_default(name) for name in ("size", "kinds", "tools", "only")
    )


def _check_space(directory: Path, size: int) -> None:
    needed = _TIMES_SIZE * size + 256 * MIB
    free = shutil.disk_usage(directory).free
    if free < needed:
        sys.exit(
            f"bench: {size_text(needed)} needed in {directory.parent}, {size_text(free)} free; use --dir"
        )


def _command(options: argparse.Namespace) -> str:
    """The command to repeat this run, without the paths of this machine."""
    parser = _parser()
    words = ["python", "-m", "tests.bench"]
    for name in ("size", "kinds", "tools", "only", "repeat", "seed", "snapshots"):
        value = getattr(options, name)
        if value != parser.get_default(name):
            text = size_word(value) if name == "size" else str(value)
            words += [f"--{name}", ",".join(value) if isinstance(value, list) else text]
    return " ".join(words)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
