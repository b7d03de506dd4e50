"""`python -m tests.bench.scale`: commands in repositories of growing size, and git's own share of them.

Whole processes are measured: seconds until they return, seconds of a core with all their children, and
the memory of the largest of them.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench import report
from tests.bench.machine import describe
from tests.bench.measure import Cost, apart, cost, median
from tests.bench.units import size_text
from tests.support.amounts import Amounts

BEGIN, END = "<!-- scale:begin -->", "<!-- scale:end -->"
PARTS = (4, 2, 1)
DEFAULT_MARKDOWN = Path("docs/performance.md")
LIMIT = 2.0
"""Seconds that a command may take at full size."""

PROMISED = ("list", "log", "usage", "derive", "snapshot")

_CONFIG = "[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"

Argv = Callable[[str], Sequence[str | Path]]
"""The arguments of a command, made with a name that was not used before."""

COMMANDS: Mapping[str, Argv] = {
    "--help": lambda _: ("--help",),
    "list": lambda _: ("list",),
    "list --all": lambda _: ("list", "--all"),
    "models": lambda _: ("models",),
    "log": lambda _: ("log",),
    "usage": lambda _: ("usage",),
    "show": lambda _: ("show", "v00042"),
    "diff": lambda _: ("diff", "v00042", "v00043"),
    "snapshot": lambda new: ("snapshot", new),
    "state save": lambda _: ("state", "save", "initial"),
    "state list": lambda _: ("state", "list"),
    "derive": lambda new: ("derive", "v00042", f"m{new}"),
    "rename": lambda new: ("rename", new, f"r{new}"),
    "rm": lambda new: ("rm", "--yes", f"r{new}"),
    "gc --dry-run": lambda _: ("gc", "--dry-run"),
}
"""In an order in which one makes what another takes."""

GIT: Mapping[str, Argv] = {
    "git worktree add": lambda new: ("worktree", "add", "--quiet", "--detach", f"../w{new}"),
    "git update-ref": lambda new: ("update-ref", f"refs/tags/g{new}", "HEAD"),
    "git rev-list --objects --all": lambda _: ("rev-list", "--objects", "--all"),
    "git rev-list --indexed-objects": lambda _: ("rev-list", "--objects", "--indexed-objects"),
}
"""What the commands above leave to git, by itself."""


@dataclass(frozen=True, slots=True)
class Size:
    """A repository, and the medians of what each command took in it."""

    amounts: Amounts
    costs: Mapping[str, Cost]


def main() -> int:
    """Measure all sizes, print the tables, and keep them if they are those of the full size."""
    options = _parser().parse_args()
    full = Amounts(
        options.snapshots, options.models, states=options.models, packs=max(options.snapshots // 25, 1),
        chained=options.models // 4, worktrees=options.models,
    )  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="gitstore-scale-", dir=options.dir) as name:
        root = Path(name)
        isolate(root)
        sizes = [_measure(root / str(part), full.share(part), options.repeat) for part in PARTS]
        machine = describe(root)
    text = "\n".join(_lines(sizes, options, machine)).rstrip() + "\n"
    print(text)
    if full == Amounts():
        report.write_section(DEFAULT_MARKDOWN, text, BEGIN, END)
    return 0


def isolate(root: Path) -> None:
    """Neither the user's configuration nor the user's identity."""
    (root / "gitconfig").write_text(_CONFIG)
    os.environ.update(HOME=str(root), GIT_CONFIG_GLOBAL=str(root / "gitconfig"), GIT_CONFIG_NOSYSTEM="1")


def _measure(root: Path, amounts: Amounts, repeat: int) -> Size:
    print(f"{amounts.snapshots} snapshots, {amounts.models} models", file=sys.stderr, flush=True)
    root.mkdir()
    here = root / "digits"
    apart(_make, here, amounts)
    costs: dict[str, list[Cost]] = {command: [] for command in (*COMMANDS, *GIT)}
    for number in range(repeat):
        for command, argv in COMMANDS.items():
            (here / "states" / "initial" / "weights").write_bytes(os.urandom(2048))
            gitstore = Path(sys.executable).with_name("gitstore")
            costs[command].append(cost([gitstore, *argv(f"n{number}")], cwd=here))
        for command, argv in GIT.items():
            costs[command].append(cost(["git", *argv(f"n{number}")], cwd=here))
    return Size(amounts, {command: median(each) for command, each in costs.items()})


def _make(directory: Path, amounts: Amounts) -> None:
    """In a process of its own, and with its files on disk before anything is measured."""
    from tests.support import large

    large.make(directory, amounts)
    subprocess.run(["git", "status"], cwd=directory, capture_output=True, check=True)
    os.sync()


def _lines(
    sizes: Sequence[Size], options: argparse.Namespace, machine: Sequence[tuple[str, str]]
) -> Iterator[str]:
    words = f"python -m tests.bench.scale --snapshots {options.snapshots} --models {options.models}"
    yield f"Made by `{words} --repeat {options.repeat}`: medians,"
    yield "*seconds / seconds of a core*, git's included, and the memory of the largest process. Growth is"
    yield "that of the core's seconds beyond those of an empty command, to a repository four times as large."
    yield ""
    yield "| | " + " | ".join(_size(each.amounts) for each in sizes) + " | growth | memory |"
    yield "|---|" + "---|" * (len(sizes) + 2)
    for command in (*COMMANDS, *GIT):
        cells = [f"{each.costs[command].seconds:.2f} / {each.costs[command].cpu:.2f}" for each in sizes]
        memory = size_text(sizes[-1].costs[command].resident)
        yield f"| `{command}` | {' | '.join(cells)} | {_growth(sizes, command)} | {memory} |"
    yield ""
    for command in PROMISED:
        seconds = sizes[-1].costs[command].seconds
        yield f"* {'PASS' if seconds < LIMIT else 'MISS'}: `{command}` under {LIMIT} s: {seconds:.2f} s"
    yield ""
    yield "; ".join(f"{what}: {value}" for what, value in machine) + "."


def _size(amounts: Amounts) -> str:
    return f"{amounts.snapshots:,} snapshots, {amounts.models:,} models, {amounts.packs} packs"


def _growth(sizes: Sequence[Size], command: str) -> str:
    empty = "--help" if command in COMMANDS else "git update-ref"
    first, last = (each.costs[command].cpu - each.costs[empty].cpu for each in (sizes[0], sizes[-1]))
    return f"{last / first:.1f} ×" if first > 0.02 else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.scale", description=__doc__)
    add, full = parser.add_argument, Amounts()
    add("--snapshots", type=int, default=full.snapshots, metavar="N", help=f"at full size ({full.snapshots})")
    add("--models", type=int, default=full.models, metavar="N", help=f"at full size ({full.models})")
    add("--repeat", type=int, default=3, metavar="N", help="medians of N (3)")
    add("--dir", type=Path, help="where to work (the system's temporary directory)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
