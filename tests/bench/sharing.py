"""`python -m tests.bench.sharing`: what a model in a repository of its own costs, and how many packs remain.

A base of each size is derived from after each of some histories. Copied is what the new repository has in
files that no other repository links, and what the disk has more. Then come repositories with thousands of
snapshots: their packs, and what commands take with so many.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import sys
import tempfile
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gitstore.derive import standalone
from gitstore.models import init, reference
from gitstore.models.model import Model
from gitstore.objects import commit, tag, tree
from gitstore.objects.paths import read_tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.packs.oid import Kind
from gitstore.snapshots.take import take
from gitstore.states.save import save_state
from tests.bench import report
from tests.bench.machine import describe
from tests.bench.measure import Cost, cost
from tests.bench.units import KIB, MIB, parse_size, size_text

BEGIN, END = "<!-- sharing:begin -->", "<!-- sharing:end -->"
MARKDOWN = Path("docs/performance.md")
SIZES = ("4MiB", "8MiB", "32MiB", "64MiB", "256MiB")
COMMANDS = {
    "snapshot": ("gitstore", "snapshot", "last"),
    "list": ("gitstore", "list"),
    "derive --reference": ("gitstore", "derive", "v500", "dogs", "../dogs", "--reference"),
    "git log --all": ("git", "log", "--all", "--format=%s"),
    "git rev-list --objects --all": ("git", "rev-list", "--objects", "--all"),
}
_IDENTITY = "Ada Lovelace <ada@example.org> 1700000000 +0000"
_CONFIG = "[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"

History = Callable[["Growth"], str]
"""Makes snapshots, and returns the name of the one to derive from."""


class Growth:
    """A model whose weights are files of 1 MiB, each of which is one part."""

    def __init__(self, directory: Path, size: int) -> None:
        (directory / "code").mkdir(parents=True)
        (directory / "code" / "model.py").write_text("class Model: pass\n")
        self.model = init.create_model(directory, name="digits").model
        self.parts = size // MIB
        self._random = random.Random(size)
        self.state = self.model.claim_states() / "initial"
        self.state.mkdir(exist_ok=True)
        for number in range(self.parts):
            self.replace(number)

    def replace(self, number: int, size: int = MIB) -> None:
        """Replace one part."""
        (self.state / f"layer {number % self.parts:04}").write_bytes(self._random.randbytes(size))

    def touch(self, number: int) -> None:
        """Change a file of a kilobyte."""
        (self.state / "config").write_bytes(number.to_bytes(8, "big") * 128)

    def take(self, name: str) -> str:
        self.model = Model.open(self.model.directory)
        take(self.model, name, message=name)
        return name

    def take_many(self, count: int, change: Callable[[int], None]) -> None:
        """Take the snapshots v1, v2, ..., each after a change."""
        for number in range(1, count + 1):
            change(number)
            self.take(f"v{number}")

    def write_many(self, count: int, size: int) -> None:
        """Write such snapshots, of which each replaces so many bytes, as `take` does but without git's help.

        Each is a write of its own, after which packs are merged. Git gets all refs at the end.
        """
        repository = self.model.repository
        first = reference.resolve("v0", self.model.directory)
        top = {entry.name: entry for entry in read_tree(repository.objects, first.tree)}
        state = {entry.name: entry for entry in read_tree(repository.objects, first.state_tree)}
        refs = []
        for number in range(1, count + 1):
            name = f"v{number}"
            with repository.writer() as writer:
                file = b"config" if size < MIB else b"layer %04d" % (number * 7919 % self.parts)
                blob = writer.add(Kind.BLOB, self._random.randbytes(size))
                state[file] = TreeEntry(Mode.FILE, file, blob)
                weights = writer.add(Kind.TREE, tree.encode(state.values()))
                top[b"state"] = TreeEntry(Mode.TREE, b"state", weights)
                root = writer.add(Kind.TREE, tree.encode(top.values()))
                trailers = {**first.tag.trailers, "State-Tree": str(weights)}
                said = commit.encode(root, (), identity=_IDENTITY, message=name)
                tagged = writer.add(Kind.COMMIT, said)
                content = tag.encode(tagged, name, identity=_IDENTITY, message=name, trailers=trailers)
                refs.append(f"create refs/tags/{name} {writer.add_apart(Kind.TAG, content)}\n")
                writer.finish()
            repository.maintain()
        repository.git("update-ref", "--stdin", stdin="".join(refs).encode())
        repository.git("pack-refs", "--all")


def saved(growth: Growth) -> str:
    save_state(growth.model, "initial")
    return growth.take("v0")


def one_replaced(growth: Growth) -> str:
    growth.take("v0")
    growth.take_many(1, growth.replace)
    return "v1"


def replaced(growth: Growth) -> str:
    growth.take("v0")
    growth.take_many(100, lambda number: growth.replace(number * 7919))
    return "v50"


def small(growth: Growth) -> str:
    growth.take("v0")
    growth.take_many(100, growth.touch)
    return "v0"


HISTORIES: dict[str, History] = {
    "one snapshot": lambda growth: growth.take("v0"),
    "its state was saved first": saved,
    "v1, which replaced a part of v0": one_replaced,
    "v0, and 100 small snapshots": small,
    "v50 of 100, each replaced a part": replaced,
}


def main() -> int:
    """Measure, print the tables, and keep them if everything was measured."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="gitstore-sharing-", dir=options.dir) as name:
        root = Path(name)
        (root / "gitconfig").write_text(_CONFIG)
        os.environ.update(HOME=name, GIT_CONFIG_GLOBAL=str(root / "gitconfig"), GIT_CONFIG_NOSYSTEM="1")
        lines = [*_derivations(root, options.sizes), "", *_many(root, options.snapshots)]
        machine = "; ".join(f"{what}: {value}" for what, value in describe(root))
        lines += ["", textwrap.fill(f"{machine}.", 100)]
    text = (
        "\n".join(["Made by `python -m tests.bench.sharing`: *seconds / seconds of a core*.", "", *lines])
        + "\n"
    )
    print(text)
    if options.write:
        report.write_section(MARKDOWN, text, BEGIN, END)
    return 0


def _derivations(root: Path, sizes: Iterable[int]) -> Iterator[str]:
    yield "| derived from | base | copied | more on disk | seconds |"
    yield "|---|---|---|---|---|"
    for what, history in HISTORIES.items():
        for size in sizes:
            print(what, size_text(size), file=sys.stderr, flush=True)
            growth = Growth(root / "digits", size)
            snapshot = history(growth)
            before, start = disk(root / "digits"), time.perf_counter()
            standalone.derive(reference.resolve(snapshot, root / "digits"), "dogs", root / "dogs")
            seconds = time.perf_counter() - start
            more = disk(root / "digits", root / "dogs") - before
            copied = disk(root / "dogs", most_links=1)
            yield (
                f"| {what} | {size_text(size)} | {size_text(copied)} ({copied / size:.1%})"
                f" | {size_text(more)} | {seconds:.2f} |"
            )
            for name in ("digits", "dogs"):
                shutil.rmtree(root / name)


def _many(root: Path, counts: Iterable[int]) -> Iterator[str]:
    yield "| snapshots of a model of 4 MiB | packs | " + " | ".join(COMMANDS) + " | copied by derive |"
    yield "|---|---|---|" + "---|" * len(COMMANDS)
    for size in (KIB, MIB):
        for count in counts:
            print(size, count, file=sys.stderr, flush=True)
            growth = Growth(root / "digits", 4 * MIB)
            growth.take("v0")
            growth.write_many(count, size)
            packs = len(list((root / "digits" / ".git" / "objects" / "pack").glob("*.pack")))
            growth.touch(0)
            cells = [f"{spent.seconds:.2f} / {spent.cpu:.2f}" for spent in _cost(root / "digits")]
            copied = disk(root / "dogs", most_links=1)
            yield (
                f"| {count:,}, each replaced {size_text(size)} | {packs} | {' | '.join(cells)}"
                f" | {size_text(copied)} |"
            )
            for name in ("digits", "dogs"):
                shutil.rmtree(root / name)


def _cost(directory: Path) -> Iterator[Cost]:
    for program, *arguments in COMMANDS.values():
        path = Path(sys.executable).with_name("gitstore") if program == "gitstore" else program
        yield cost([path, *arguments], cwd=directory)


def disk(*repositories: Path, most_links: int | None = None) -> int:
    """Bytes of the objects of repositories on the disk, or of the files that have at most so many names."""
    sizes = {}
    for repository in repositories:
        for path in (repository / ".git" / "objects").rglob("*"):
            status = path.stat()
            if path.is_file() and (most_links is None or status.st_nlink <= most_links):
                sizes[status.st_ino] = status.st_size
    return sum(sizes.values())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.sharing", description=__doc__)
    parser.add_argument("--sizes", nargs="*", type=parse_size, default=[parse_size(size) for size in SIZES])
    parser.add_argument("--snapshots", nargs="*", type=int, default=[1_000, 10_000])
    parser.add_argument("--dir", type=Path, help="where the repositories are made; the last needs 15 GiB")
    parser.add_argument("--write", action="store_true", help=f"put the tables into {MARKDOWN}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
