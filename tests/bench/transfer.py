"""`python -m tests.bench.transfer`: push, clone and pull beside stock git, and with thousands of snapshots.

The same weights go through gitstore and through stock git, over file:// and ssh on loopback, in turns; the
least time of some rounds counts. Memory is what all processes hold at one time, those of the server included,
and without the pages of packs that git maps. The last table is what a push and a pull take that have nothing
to do.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from gitstore.models import reference
from tests.bench import report
from tests.bench.machine import describe
from tests.bench.measure import Cost, apart, cost
from tests.bench.sharing import Growth
from tests.bench.units import MIB, parse_size, size_text
from tests.support import sshd
from tests.support.many import add_snapshots

BEGIN, END = "<!-- transfer:begin -->", "<!-- transfer:end -->"
MARKDOWN = Path("docs/performance.md")
GITSTORE = Path(sys.executable).with_name("gitstore")
_CONFIG = "[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
_IDLE_ROUNDS = 7

Command = Sequence[str | Path]


def main() -> int:
    """Measure, print the tables, and keep them if asked to."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="gitstore-transfer-", dir=options.dir) as name:
        root = Path(name)
        (root / "gitconfig").write_text(_CONFIG)
        os.environ.update(HOME=name, GIT_CONFIG_GLOBAL=str(root / "gitconfig"), GIT_CONFIG_NOSYSTEM="1")
        lines = [
            *_compare(root, options.size, options.rounds),
            "",
            *_idle(root, options.snapshots),
        ]
        machine = "; ".join(f"{what}: {value}" for what, value in describe(root))
        lines += ["", textwrap.fill(f"{machine}.", 100)]
    made = "Made by `python -m tests.bench.transfer`: *seconds / seconds of a core, memory of all processes*."
    text = "\n".join([made, "", *lines]) + "\n"
    print(text)
    if options.write:
        report.write_section(MARKDOWN, text, BEGIN, END)
    return 0


def _compare(root: Path, size: int, rounds: int) -> Iterator[str]:
    """Yield a table of pushes and clones of a model with so many bytes of weights."""
    apart(_grow, root / "digits", size, 0)
    bare = root / "bare.git"
    yield f"| {size_text(size)} of weights | gitstore | stock git | ratio |"
    yield "|---|---|---|---|"
    for name, serving in (("file://", _share(bare)), ("ssh", _serve(root, bare))):
        with serving as (url, servers):
            commands: dict[str, list[tuple[Command, Callable[[], None]]]] = {
                "push": [
                    ((GITSTORE, "push", url), lambda: _renew(bare)),
                    (("git", "push", "--quiet", url, "main", "v1"), lambda: _renew(bare)),
                ],
            }
            for what, filtering in (("clone", "false"), ("clone, filters allowed", "true")):
                prepare = partial(_prepare_clone, root, bare, filtering)
                commands[what] = [
                    ((GITSTORE, "clone", url, "../copy", "--weights", "all"), prepare),
                    (("git", "clone", "--quiet", url, "../copy"), prepare),
                ]
            for what, pair in commands.items():
                print(name, what, file=sys.stderr, flush=True)
                ours, stock = _race(root / "digits", pair, rounds, servers=servers)
                ratio = f"{ours.seconds / stock.seconds:.2f} / {ours.cpu / stock.cpu:.2f}"
                yield f"| {what}, {name} | {_show(ours)} | {_show(stock)} | {ratio} |"
    for path in (root / "digits", bare, root / "copy"):
        _remove(path)


def _race(
    directory: Path,
    pair: Sequence[tuple[Command, Callable[[], None]]],
    rounds: int,
    *,
    servers: Sequence[int] = (),
) -> list[Cost]:
    """Run commands in turns, each after its preparation, on a disk with nothing left to write.

    Return the least time of each, and its most memory.
    """
    costs: list[list[Cost]] = [[] for _ in pair]
    for _ in range(rounds):
        for (command, prepare), spent in zip(pair, costs, strict=True):
            prepare()
            os.sync()
            spent.append(cost(command, cwd=directory, servers=servers))
    return [
        Cost(
            min(one.seconds for one in spent),
            min(one.cpu for one in spent),
            max(one.resident for one in spent),
            max(one.anonymous for one in spent),
        )
        for spent in costs
    ]


def _idle(root: Path, count: int) -> Iterator[str]:
    """Yield a table of what commands take that have nothing to do."""
    bare = root / "bare.git"
    apart(_grow, root / "digits", MIB, count)
    _renew(bare)
    cost(("git", "push", "--quiet", f"file://{bare}", "main", "refs/tags/*"), cwd=root / "digits")
    cost(("git", "remote", "add", "origin", f"file://{bare}"), cwd=root / "digits")
    commands: dict[str, Command] = {
        "push": (GITSTORE, "push"),
        "pull": (GITSTORE, "pull"),
        "git ls-remote": ("git", "ls-remote", "--refs", "origin"),
        "gitstore --version": (GITSTORE, "--version"),
    }
    yield f"| {count:,} snapshots, nothing new | {' | '.join(commands)} |"
    yield "|---|" + "---|" * len(commands)
    pairs = [(command, lambda: None) for command in commands.values()]
    yield f"| file:// | {' | '.join(map(_show, _race(root / 'digits', pairs, _IDLE_ROUNDS)))} |"


def _grow(directory: Path, size: int, count: int) -> None:
    """Make a model with the snapshot v1, and so many more of the same tree, written at once."""
    growth = Growth(directory, size)
    growth.take("v1")
    add_snapshots(reference.resolve("v1", directory), count)


@contextmanager
def _share(bare: Path) -> Iterator[tuple[str, Sequence[int]]]:
    """Give the URL of a repository, whose server git starts itself."""
    yield f"file://{bare}", ()


@contextmanager
def _serve(root: Path, bare: Path) -> Iterator[tuple[str, Sequence[int]]]:
    """Give the URL of a repository behind sshd, and the server's process."""
    with sshd.running(root / "sshd") as server:
        yield server.make_url(bare), (server.process,)


def _renew(bare: Path) -> None:
    _remove(bare)
    cost(("git", "init", "--quiet", "--bare", str(bare)), cwd=bare.parent)
    cost(("git", "config", "transfer.unpackLimit", "1"), cwd=bare)


def _prepare_clone(root: Path, bare: Path, filtering: str) -> None:
    """Let a server leave out files, as large hosts and our stores do, or not, as git does by default."""
    _remove(root / "copy")
    cost(("git", "config", "uploadpack.allowFilter", filtering), cwd=bare)


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


def _show(spent: Cost) -> str:
    return f"{spent.seconds:.2f} / {spent.cpu:.2f}, {size_text(spent.anonymous)}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.transfer", description=__doc__)
    parser.add_argument("--size", type=parse_size, default=parse_size("1GiB"), help="bytes of the weights")
    parser.add_argument("--snapshots", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=2, help="of pushes and clones")
    parser.add_argument("--dir", type=Path, help="where the repositories are made; needs 5 times the size")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {MARKDOWN}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
