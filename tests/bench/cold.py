"""What a cold evaluation of real models costs beside plain Python: `python -m tests.bench.cold`.

Plain Python loads the same input, the same state and the same code in the same environment, and saves the
outputs. Both run in turns. `make test-real` fetches the packages that are needed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tests.bench import report
from tests.bench.machine import describe
from tests.bench.units import size_text
from tests.support import real_models, wheels
from tests.support.commands import GITSTORE
from tests.support.real_models import RealModel

BEGIN, END = "<!-- cold:begin -->", "<!-- cold:end -->"
MARKDOWN = Path("docs/performance.md")

_PLAIN = """
import pathlib, sys
code, state, given, out = sys.argv[1:]
sys.path.insert(0, code)
import numpy
from model import Model
inputs = dict(numpy.load(given))
for name, value in Model(pathlib.Path(state)).evaluate(**inputs).items():
    numpy.save(pathlib.Path(out, name), value)
"""


class Costs(NamedTuple):
    """Seconds of evaluations of one model, and the bytes of its environment and its state.

    `first` is without any cache, `rebuilt` with that of uv alone. `cold` and `plain` are the best of several.
    """

    first: float
    rebuilt: float
    cold: float
    plain: float
    environment_size: int
    state_size: int


def main() -> None:
    """Measure, and write the table into docs/performance.md."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.cold", description=__doc__)
    parser.add_argument("--repeat", type=int, default=15, metavar="N", help="best of N (15)")
    parser.add_argument("--markdown", type=Path, default=MARKDOWN, metavar="FILE")
    options = parser.parse_args()
    wheels.fetch()
    wheels.fetch_real()
    costs = {}
    with tempfile.TemporaryDirectory(prefix="gitstore-bench-") as name:
        for real in real_models.MODELS:
            root = Path(name, real.name)
            root.mkdir()
            costs[real] = measure(real, root, options.repeat)
            shutil.rmtree(root, ignore_errors=True)
        text = "\n".join(_lines(costs, options.repeat, Path(name))) + "\n"
    print(text)
    report.write_section(options.markdown, text, BEGIN, END)


def measure(real: RealModel, root: Path, repeat: int) -> Costs:
    """Make a model below `root`, and evaluate its snapshot with empty caches, and with full ones in turns."""
    _settle(root)
    directory = root / "model"
    given = _save_input(real.make(directory), root / "input.npz")
    os.environ |= real_models.offline(root / "fresh")
    reference = ("-p", f"{given}=@{root / 'input.npz'}")
    evaluate = [str(GITSTORE), "evaluate", "v1", *reference, f"--out={root / 'out'}"]
    first = _time(evaluate, directory)
    real_models.gitstore("gc", "--cache", cwd=directory)
    rebuilt = _time(evaluate, directory)
    (environment,) = json.loads(real_models.gitstore("env", "list", "--json", cwd=directory))
    state = Path(real_models.gitstore("state", "path", cwd=directory).strip())
    (root / "plain").mkdir()
    places = (directory / "code", state, root / "input.npz", root / "plain")
    plain = [f"{environment['path']}/venv/bin/python", "-I", "-B", "-c", _PLAIN, *map(str, places)]
    pairs = [(_time(evaluate, directory), _time(plain, root)) for _ in range(repeat)]
    assert _read(root / "out") == _read(root / "plain"), real.name
    cold, bare = (min(seconds) for seconds in zip(*pairs, strict=True))
    size = sum(path.stat().st_size for path in state.iterdir())
    return Costs(first, rebuilt, cold, bare, environment["size"], size)


def _settle(root: Path) -> None:
    """Have a home with an author's name, and caches, below `root`; let Python keep what it compiles."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    (root / ".gitconfig").write_text("[user]\n\tname = Ada Lovelace\n\temail = ada@example.org\n")
    os.environ |= {"HOME": str(root), "GIT_CONFIG_GLOBAL": str(root / ".gitconfig")}
    # As many threads as in the sandbox: another number gives other last digits.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    os.environ |= real_models.offline(root / "cache")


def _save_input(given: str, path: Path) -> str:
    """Save the array of an input, as plain Python loads it; return the input's name."""
    name, _, file = given.partition("=@")
    source, _, key = file.partition(":")
    if key:
        value = np.load(source)[key]
    else:
        from PIL import Image

        with Image.open(source) as image:
            value = np.asarray(image, np.float32) / np.float32(255)
    np.savez(path, **{name: value})
    return name


def _time(command: Sequence[str], directory: Path) -> float:
    """Return the seconds that a command takes."""
    began = time.perf_counter()
    real_models.run(*command, cwd=directory)
    return time.perf_counter() - began


def _read(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


def _lines(costs: Mapping[RealModel, Costs], repeat: int, directory: Path) -> Iterator[str]:
    yield f"Made by `python -m tests.bench.cold --repeat {repeat}`: seconds, with the ratio to plain Python."
    yield ""
    yield "| model | environment, state | no cache | uv's cache | warm caches | plain Python | difference |"
    yield "|---|---|---|---|---|---|---|"
    for real, cost in costs.items():
        sizes = f"{size_text(cost.environment_size)}, {size_text(cost.state_size)}"
        seconds = [
            f"{value:.2f} ({value / cost.plain:.2f}×)" for value in (cost.first, cost.rebuilt, cost.cold)
        ]
        cells = [f"{real.name}: {', '.join(real.requirements)}", sizes, *seconds, f"{cost.plain:.2f}"]
        yield f"| {' | '.join(cells)} | {cost.cold - cost.plain:.2f} |"
    yield ""
    yield "; ".join(f"{name}: {value}" for name, value in describe(directory)) + "."


if __name__ == "__main__":
    main()
