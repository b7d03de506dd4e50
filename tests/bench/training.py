"""What training through gitstore costs beside the loop alone: `python -m tests.bench.training`.

One loop of numpy, which reports a metric in every step, runs in a plain Python, in `gitstore train` with and
without the sandbox, and in the library's `new_state`, in turns. All have one core for numpy. Seconds are
those of the loop itself; `whole` are those of the process, with start and end.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tests.bench.units import size_text
from tests.support import wheels
from tests.support.environments import make_empty_index

_BESIDE = Path(sys.executable).with_name("gitstore")

_WAYS = ("python", "gitstore train", "gitstore train --no-sandbox", "new_state in the library")

_LOOP = """
import json, time
import numpy as np

def run(report, steps, width):
    random = np.random.default_rng(0)
    x = random.standard_normal((width, 64)).astype(np.float32)
    y = (x @ random.standard_normal((64, 10)).astype(np.float32)).argmax(1)
    hidden = random.standard_normal((64, 32)).astype(np.float32) / 8
    output = random.standard_normal((32, 10)).astype(np.float32) / 8
    rows = np.arange(width)
    began, computed = time.perf_counter(), time.process_time()
    for step in range(steps):
        h = np.maximum(x @ hidden, 0)
        p = np.exp(h @ output)
        p /= p.sum(1, keepdims=True)
        report("loss", float(-np.log(p[rows, y] + 1e-9).mean()))
        p[rows, y] -= 1
        back = (p @ output.T) * (h > 0)
        output -= 1e-4 * (h.T @ p)
        hidden -= 1e-4 * (x.T @ back)
    return {"wall": time.perf_counter() - began, "cpu": time.process_time() - computed}
"""

_MODEL = """
from loop import json, run

class Model:
    def __init__(self, state): pass
    def train(self, tracker, steps, width): self.times = run(tracker.metric, int(steps), int(width))
    def save_state(self, out): (out / "times.json").write_text(json.dumps(self.times))
"""

_SETTINGS = """
name: loop
types:
  train: [{name: steps, types: [i64], shape: []}, {name: width, types: [i64], shape: []}]
"""

_BARE = """
import sys; sys.path.insert(0, "code")
from loop import json, run
values = []
times = run(lambda name, value: values.append((name, value)), int(sys.argv[1]), int(sys.argv[2]))
print(json.dumps(times))
"""

_LIBRARY = """
import sys; sys.path.insert(0, "code")
import gitstore
from loop import json, run
with gitstore.open().new_state() as state:
    times = run(state.metric, int(sys.argv[1]), int(sys.argv[2]))
    (state.path / "times.json").write_text(json.dumps(times))
print(json.dumps(times))
"""


class Times(NamedTuple):
    """Seconds of one run: of the loop by the clock and of a core, and of the whole process."""

    wall: float
    cpu: float
    whole: float


def main() -> None:
    """Print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.training", description=__doc__)
    parser.add_argument("--repeat", type=int, default=7, metavar="N", help="best of N (7)")
    parser.add_argument("--steps", type=int, default=2000, metavar="N", help="steps of the loop (2000)")
    parser.add_argument("--width", type=int, default=1024, metavar="N", help="examples of a step (1024)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gitstore-bench-") as name:
        directory = _make_model(Path(name))
        runs: dict[str, list[Times]] = {way: [] for way in _WAYS}
        for _ in range(options.repeat):
            for way, times in runs.items():
                times.append(_run(directory, way, (str(options.steps), str(options.width))))
        _show(runs, options.steps, size_text(options.width * 64 * 4))


def _make_model(root: Path) -> Path:
    (root / ".gitconfig").write_text("[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n")
    os.environ |= {
        "GIT_CONFIG_GLOBAL": str(root / ".gitconfig"),
        "XDG_CACHE_HOME": str(root / "cache"),
        "UV_NO_CONFIG": "1",
        "UV_DEFAULT_INDEX": make_empty_index(root),
        "UV_FIND_LINKS": str(wheels.DIRECTORY),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    wheels.fetch()
    directory = root / "loop"
    subprocess.run([str(_BESIDE), "init", "loop"], cwd=root, check=True, capture_output=True)
    (directory / "code" / "loop.py").write_text(_LOOP)
    (directory / "code" / "model.py").write_text(_MODEL)
    (directory / "settings.yaml").write_text(_SETTINGS)
    (directory / "bare.py").write_text(_BARE)
    (directory / "library.py").write_text(_LIBRARY)
    subprocess.run(["git", "add", "--all"], cwd=directory, check=True)
    subprocess.run(["git", "commit", "--quiet", "--message", "The loop"], cwd=directory, check=True)
    _run(directory, "gitstore train", ("1", "1"))  # makes the environment
    return directory


def _run(directory: Path, way: str, sizes: tuple[str, str]) -> Times:
    scripts = {"python": "bare.py", "new_state in the library": "library.py"}
    if way in scripts:
        command = [_find_python(directory), scripts[way], *sizes]
        if way.startswith("new_state"):
            command[0] = sys.executable
    else:
        values = ("-p", f"steps={sizes[0]}", "-p", f"width={sizes[1]}")
        command = [str(_BESIDE), *way.split()[1:], *values, "--json"]
    began = time.perf_counter()
    completed = subprocess.run(command, cwd=directory, check=True, capture_output=True)
    whole = time.perf_counter() - began
    answer = json.loads(completed.stdout)
    if way not in scripts:
        answer = json.loads((directory / "states" / answer["name"] / "times.json").read_text())
    return Times(answer["wall"], answer["cpu"], whole)


def _find_python(directory: Path) -> str:
    """The interpreter of the environment in which gitstore trains: another numpy could be faster."""
    listed = subprocess.run(
        [str(_BESIDE), "env", "list", "--json"], cwd=directory, check=True, capture_output=True
    )
    (environment,) = json.loads(listed.stdout)
    return f"{environment['path']}/venv/bin/python"


def _show(runs: Mapping[str, Sequence[Times]], steps: int, size: str) -> None:
    print(f"{steps} steps on {size}, a metric in each; best of {len(runs['python'])}.\n")
    print("| way | loop, s | ratio | loop, core-s | ratio | a step, µs | whole, s |")
    print("|---|---|---|---|---|---|---|")
    bare = Times(*map(min, zip(*runs["python"], strict=True)))
    for way, times in runs.items():
        best = Times(*map(min, zip(*times, strict=True)))
        cells = [f"{best.wall:.3f}", f"{best.wall / bare.wall:.3f}", f"{best.cpu:.3f}"]
        cells += [f"{best.cpu / bare.cpu:.3f}", f"{best.wall / steps * 1e6:.0f}", f"{best.whole:.2f}"]
        print(f"| {way} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
