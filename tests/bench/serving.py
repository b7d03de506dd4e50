"""What an evaluation costs beside the model itself: `python -m tests.bench.serving`.

The example digits is trained once, and evaluates one image: in this process, by gitstore cold, warm in the
library and on a warm launcher, and by LitServe, MLflow and BentoML where `--rivals PYTHON` names a Python
that has some of them. Each server answers one client, which keeps its connection.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import gitstore
from gitstore.launchers.client import Client
from gitstore.launchers.directory import find_launchers
from gitstore.models import reference
from gitstore.run.cache.user_cache import find_user_cache

COUNT = 1000
COLD = 7
PATIENCE = 120.0
GRACE = 20.0
_BESIDE = Path(sys.executable).with_name("gitstore")
_SERVERS = Path(__file__).with_name("tools") / "servers"

_REQUESTS = {
    "litserve": ("/predict", "images"),
    "mlflow": ("/invocations", "inputs"),
    "bentoml": ("/predict", "images"),
}
"""The path that each rival answers, and what it calls the images."""

Ask = Callable[[], object]


class Times(NamedTuple):
    """Seconds: until the first answer, and of each further one."""

    start: float
    answers: list[float]


def main() -> None:
    """Print two tables in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.serving", description=__doc__)
    parser.add_argument(
        "--rivals",
        action="append",
        default=[],
        metavar="PYTHON",
        help="a Python that has litserve, mlflow or bentoml; may be repeated",
    )
    parser.add_argument("--warm", action="store_true", help="leave out the cold evaluations")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gitstore-bench-") as name:
        directory = _make_model(Path(name))
        if not options.warm:
            _show_cold(directory)
        _show_warm(directory, options.rivals)


def _make_model(root: Path) -> Path:
    directory = root / "digits"
    data = ("images=@data/digits.npz:train_images", "labels=@data/digits.npz:train_labels")
    _gitstore(root, "init", "digits", "--example", "digits")
    _gitstore(directory, "train", "-p", data[0], "-p", data[1], "--use")
    _gitstore(directory, "snapshot", "v1")
    np.save(directory / "image.npy", np.load(directory / "data" / "digits.npz")["test_images"][:1])
    return directory


def _show_cold(directory: Path) -> None:
    """One evaluation in a process of its own, beside a Python that does the same."""
    script = (
        "import sys; sys.path.insert(0, 'code'); import numpy as np; from pathlib import Path\n"
        "from model import Model; model = Model(Path(sys.argv[1]))\n"
        "np.savez('outputs.npz', **model.evaluate(np.load('image.npy')))"
    )
    with gitstore.open(directory).snapshot("v1").state_path() as state:
        bare = [sys.executable, "-c", script, str(state)]
        ours = [str(_BESIDE), "evaluate", "v1", "-p", "images=@image.npy", "--out", "outputs"]
        commands = {
            "python": bare,
            "gitstore evaluate": ours,
            "gitstore evaluate --no-sandbox": [*ours, "--no-sandbox"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(COLD):
            for name, command in commands.items():
                start = time.perf_counter()
                subprocess.run(command, cwd=directory, check=True, capture_output=True)
                times[name].append(time.perf_counter() - start)
    print("| one evaluation | s, best | s, median |\n|---|---|---|")
    for name, seconds in times.items():
        print(f"| `{name}` | {min(seconds):.3f} | {statistics.median(seconds):.3f} |")


def _show_warm(directory: Path, rivals: Sequence[str]) -> None:
    print("\n| | start, s | median, ms | 99th percentile, ms | a second |\n|---|---|---|---|---|")
    _show("in the process", _in_process(directory))
    _show("gitstore, in the library", _in_library(directory))
    _show("gitstore, warm launcher", _on_launcher(directory))
    for python in rivals:
        for name in filter(partial(_has, python), _REQUESTS):
            _show(name, _on_rival(directory, python, name))


def _has(python: str, package: str) -> bool:
    """Whether a Python has a package."""
    script = f"import importlib.util as util; raise SystemExit(util.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", script], check=False).returncode == 0


def _show(name: str, times: Times) -> None:
    answers = sorted(times.answers)
    last = answers[int(len(answers) * 0.99)]
    rate = len(answers) / sum(answers)
    middle = statistics.median(answers)
    print(f"| {name} | {times.start:.2f} | {middle * 1e3:.3f} | {last * 1e3:.3f} | {rate:.0f} |")


def _measure(start: float, ask: Ask) -> Times:
    ask()
    first = time.perf_counter() - start
    answers = []
    for _ in range(COUNT):
        before = time.perf_counter()
        ask()
        answers.append(time.perf_counter() - before)
    return Times(first, answers)


def _in_process(directory: Path) -> Times:
    image = np.load(directory / "image.npy")
    sys.path.insert(0, str(directory / "code"))
    start = time.perf_counter()
    from model import Model

    with gitstore.open(directory).snapshot("v1").state_path() as state:
        model = Model(state)
        return _measure(start, lambda: model.evaluate(image))


def _in_library(directory: Path) -> Times:
    image = np.load(directory / "image.npy")
    start = time.perf_counter()
    with gitstore.open(directory).snapshot("v1").warm() as model:
        return _measure(start, lambda: model.evaluate(images=image))


def _on_launcher(directory: Path) -> Times:
    inputs = {"images": np.load(directory / "image.npy")}
    start = time.perf_counter()
    _gitstore(directory, "serve-model", "v1", "--detach")
    try:
        launchers = find_launchers(find_user_cache(directory))
        with launchers.connect(reference.resolve("v1", directory)) as connection:
            client = Client(connection)
            return _measure(start, lambda: client.evaluate(inputs))
    finally:
        _gitstore(directory, "launcher", "stop", "v1")


def _on_rival(directory: Path, python: str, name: str) -> Times:
    """Serve the model by HTTP and JSON, as this server does it by default."""
    image = np.load(directory / "image.npy").tolist()
    with gitstore.open(directory).snapshot("v1").state_path() as state:
        start = time.perf_counter()
        with _serving(
            [python, str(_SERVERS / f"{name}_digits.py"), str(directory / "code"), str(state)]
        ) as port:
            connection = _connect(port)
            path, key = _REQUESTS[name]
            content = json.dumps({key: image})

            def ask() -> Any:
                connection.request("POST", path, content, {"Content-Type": "application/json"})
                response = connection.getresponse()
                answer = json.loads(response.read())
                if response.status != 200:
                    raise OSError(f"{name}: {response.status}: {answer}")
                return answer

            return _measure(start, ask)


@contextmanager
def _serving(command: list[str]) -> Iterator[int]:
    """A server as a process, which gets a free port as its last argument."""
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryFile() as log:
        # MLflow starts uvicorn by its name.
        variables = os.environ | {"PATH": f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"}
        server = subprocess.Popen(
            [*command, str(port)], env=variables, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield port
        finally:
            _stop(server)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """End a server with its workers, which may be in sessions of their own: it has to end them itself."""
    server.terminate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(GRACE)
    with suppress(ProcessLookupError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()


def _connect(port: int) -> http.client.HTTPConnection:
    """Connect to a server on the loopback interface as soon as it listens."""
    deadline = time.monotonic() + PATIENCE
    while True:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        try:
            connection.connect()
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return connection


def _gitstore(directory: Path, *arguments: str) -> None:
    subprocess.run([str(_BESIDE), *arguments], cwd=directory, check=True, capture_output=True)


if __name__ == "__main__":
    main()
