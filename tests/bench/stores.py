"""`python -m tests.bench.stores`: commands of a store of a thousand models, and of parts of it.

Whole processes are measured: seconds until they return, seconds of a core with all their children, and the
memory of the largest of them. Put it on a file system in memory (`--dir /dev/shm`), unless the disk is meant.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tests.bench import report
from tests.bench.machine import describe
from tests.bench.measure import Cost, apart, cost, median
from tests.bench.scale import isolate
from tests.bench.units import size_text

BEGIN, END = "<!-- stores:begin -->", "<!-- stores:end -->"
MARKDOWN = Path("docs/performance.md")
PARTS = (4, 1)
FIRST_GC = "gc: the first one"
COMMANDS = ("list", "usage", "check", "audit", FIRST_GC, "gc: nothing to do", "audit: after that")
"""Commands of `gitstore store` in this order, with what is to be said of them."""


def main() -> int:
    """Measure all sizes, print the table, and keep it if it is that of the full size."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.stores")
    parser.add_argument("--models", type=int, default=1000)
    parser.add_argument("--snapshots", type=int, default=20_000, help="of all models together")
    parser.add_argument("--repeat", type=int, default=3, help="of each command but the first gc")
    parser.add_argument("--dir", type=Path, help="where the stores are made, and removed")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gitstore-stores-", dir=options.dir) as name:
        root = Path(name)
        isolate(root)
        sizes = {
            part: _measure(
                root / str(part), options.models // part, options.snapshots // part, options.repeat
            )
            for part in PARTS
        }
        machine = describe(root)
    text = "\n".join(_lines(sizes, options, machine)).rstrip() + "\n"
    print(text)
    if (options.models, options.snapshots) == (1000, 20_000):
        report.write_section(MARKDOWN, text, BEGIN, END)
    return 0


def _measure(root: Path, models: int, snapshots: int, repeat: int) -> Mapping[str, Cost]:
    print(f"{models} models, {snapshots} snapshots", file=sys.stderr, flush=True)
    apart(_make, root, models, snapshots)
    gitstore = Path(sys.executable).with_name("gitstore")
    measured = {}
    for command in COMMANDS:
        argv: list[str | Path] = [gitstore, "store", command.partition(":")[0]]
        costs = [cost(argv, cwd=root) for _ in range(1 if command == FIRST_GC else repeat)]
        measured[command] = median(costs)
    return measured


def _make(root: Path, models: int, snapshots: int) -> None:
    from tests.support import large_store

    large_store.make(root, models_count=models, snapshots=snapshots, derived=models // 20)
    os.sync()


def measure_loop() -> float:
    """Seconds of a core for ten million steps of a loop: the speed of the machine now."""
    start = time.process_time()
    sum(number * number for number in range(10_000_000))
    return time.process_time() - start


def _lines(
    sizes: Mapping[int, Mapping[str, Cost]], options: argparse.Namespace, machine: Sequence[tuple[str, str]]
) -> Iterator[str]:
    yield f"Made by `python -m tests.bench.stores --dir /dev/shm`: medians of {options.repeat},"
    yield "*seconds / seconds of a core*, git's included, and the memory of the largest process. A state has"
    yield "ten files of 4 KiB, of which each snapshot changes two. Each model got four pushes, and one in"
    yield "twenty has a derived one beside it."
    yield ""
    heads = [f"{options.models // part:,} models, {options.snapshots // part:,} snapshots" for part in sizes]
    yield f"| `gitstore store` | {' | '.join(heads)} | memory |"
    yield "|---|" + "---|" * (len(sizes) + 1)
    for command in COMMANDS:
        cells = [f"{costs[command].seconds:.2f} / {costs[command].cpu:.2f}" for costs in sizes.values()]
        memory = size_text(sizes[PARTS[-1]][command].resident)
        name, colon, remark = command.partition(":")
        yield f"| `{name}`{colon and ','}{remark} | {' | '.join(cells)} | {memory} |"
    yield ""
    yield f"A loop of ten million steps in plain Python took {measure_loop():.2f} s of a core afterwards, and"
    yield f"the load was {os.getloadavg()[0]:.0f}."
    yield "; ".join(f"{what}: {value}" for what, value in machine) + "."


if __name__ == "__main__":
    sys.exit(main())
