"""How much faster two workers evaluate a batch than one: `python -m tests.bench.batch`.

The model multiplies matrices, so it computes on its core and waits for nothing. Batches with one and with two
workers take turns. The seconds are those of the chunks, from when the first worker was ready, and those of
whole commands. `--ray` also does it on a Ray cluster of two nodes of one core each.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter

import numpy as np

from tests.support import ray_cluster
from tests.support.commands import GITSTORE

_SETTINGS = """\
name: multiplier
types:
  evaluate:
    inputs: [{name: vectors, types: [f32], shape: [-1, 512]}]
    outputs: [{name: norms, types: [f64], shape: [-1]}]
"""
_AS_SHIPPED = {"RAY_health_check_period_ms": "3000", "RAY_health_check_timeout_ms": "10000"}
"""Ray's own values: a cluster of the tests looks six times as often whether its nodes live."""

_CODE = """\
import numpy as np


class Model:
    def __init__(self, state):
        self.matrix = np.eye(512, dtype=np.float32)[::-1].copy()

    def evaluate(self, vectors):
        for _ in range(ROUNDS):
            vectors = vectors @ self.matrix
        return {"norms": np.sqrt((vectors.astype(np.float64) ** 2).sum(axis=1))}
"""


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.batch", description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="how often each number of workers is timed")
    parser.add_argument("--examples", type=int, default=40_000)
    parser.add_argument("--rounds", type=int, default=40, help="matrix products of a chunk")
    parser.add_argument("--ray", action="store_true", help="on a Ray cluster, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gitstore-bench-") as name, ExitStack() as stack:
        directory = _make_model(Path(name), options.examples, rounds=options.rounds)
        print(
            "| launcher | chunks, 1 worker, s | 2 workers, s | times | command, 1 worker, s | 2, s | times |"
        )
        print("|---|---|---|---|---|---|---|")
        _show("local", directory, (), turns=options.turns)
        if options.ray:
            os.environ.setdefault("XDG_CACHE_HOME", str(Path.home() / ".cache"))
            cluster = stack.enter_context(ray_cluster.running(variables=_AS_SHIPPED))
            _show("ray", directory, ("--launcher", f"ray:{cluster.address}"), turns=options.turns)


def _make_model(root: Path, examples: int, *, rounds: int) -> Path:
    directory = root / "multiplier"
    _gitstore(root, "init", "multiplier")
    (directory / "settings.yaml").write_text(_SETTINGS)
    (directory / "code" / "model.py").write_text(_CODE.replace("ROUNDS", str(rounds)))
    (directory / "states" / "initial" / "weights").write_bytes(b"none")
    _gitstore(directory, "snapshot", "v1")
    vectors = np.random.default_rng(0).random((examples, 512), np.float32)
    np.save(directory / "vectors.npy", vectors)
    return directory


def _show(launcher: str, directory: Path, options: Sequence[str], *, turns: int) -> None:
    """Time batches, and print a row: the best of the turns."""
    chunks: dict[int, list[float]] = {1: [], 2: []}
    commands: dict[int, list[float]] = {1: [], 2: []}
    for turn in range(turns):
        for workers in (1, 2):
            out = f"out-{launcher}-{turn}-{workers}"
            start = perf_counter()
            text = _gitstore(
                directory, "evaluate", "v1", "--batch", "vectors.npy", "--out", out, "--json",
                "--workers", str(workers), *options,
            )  # fmt: skip
            commands[workers].append(perf_counter() - start)
            chunks[workers].append(json.loads(text)["durations"]["total"])
    cells = []
    for times in (chunks, commands):
        best = [min(times[1]), min(times[2])]
        ratio = statistics.median(one / two for one, two in zip(times[1], times[2], strict=True))
        cells += [f"{best[0]:.2f}", f"{best[1]:.2f}", f"{best[0] / best[1]:.2f} (median {ratio:.2f})"]
    print(f"| {launcher} | {' | '.join(cells)} |", flush=True)


def _gitstore(directory: Path, *arguments: str) -> str:
    done = subprocess.run([str(GITSTORE), *arguments], cwd=directory, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode()


if __name__ == "__main__":
    main()
