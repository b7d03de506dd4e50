"""`gitstore evaluate --batch` as a process: workers that are killed, Ctrl-C, and what is left of both."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from tests.support import combinations
from tests.support.batches import snapshot_of
from tests.support.commands import GITSTORE

ROWS = np.arange(40, dtype=np.float64).reshape(20, 2)

WAITS = """
    mark = Path({marks!r}) / str(int(values[0, 0]))
    if not mark.exists():
        mark.touch()
        time.sleep(60)
    return {{'products': values * 2}}
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model whose first evaluation of each chunk takes a minute, after it has left a mark."""
    (tmp_path / "marks").mkdir()
    snapshot_of(tmp_path / "digits", WAITS.format(marks=str(tmp_path / "marks")))
    np.savez(tmp_path / "digits" / "rows.npz", values=ROWS)
    return tmp_path / "digits"


@contextmanager
def evaluating(model: Path) -> Iterator[subprocess.Popen[str]]:
    """Two workers that evaluate ten examples each, and wait."""
    command = [str(GITSTORE), "evaluate", "v1", "--batch", "rows.npz", "--out", "out", "--chunk", "10"]
    process = subprocess.Popen(
        [*command, "--workers", "2"],
        cwd=model,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for(lambda: {path.name for path in (model.parent / "marks").iterdir()} == {"0", "20"})
        yield process
    finally:
        process.kill()
        process.communicate()


def wait_for(is_true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 50
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def children(process: int) -> list[int]:
    numbers = []
    for path in Path(f"/proc/{process}/task").glob("*/children"):
        with suppress(FileNotFoundError):
            numbers += [int(number) for number in path.read_text().split()]
    return sorted(numbers)


def last_descendant(process: int) -> int:
    below = children(process)
    return last_descendant(below[-1]) if below else process


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@combinations.rest
def test_one_worker_and_the_guardian_of_another_are_killed(model: Path) -> None:
    with evaluating(model) as process:
        guardians = children(process.pid)
        assert len(guardians) == 2
        workers = [last_descendant(guardian) for guardian in guardians]
        os.kill(guardians[0], signal.SIGKILL)
        os.kill(workers[1], signal.SIGKILL)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 0, stderr
    assert stdout == "out/products.npy\n"
    assert "Evaluated 20 examples in 2 chunks, 2 of them again, with 2 workers" in stderr
    assert stderr.count("; trying again") == 2
    np.save(model / "expected.npy", ROWS * 2)
    assert (model / "out" / "products.npy").read_bytes() == (model / "expected.npy").read_bytes()
    assert [number for number in guardians + workers if is_running(number)] == []


def test_ctrl_c_leaves_nothing(model: Path) -> None:
    with evaluating(model) as process:
        guardians = children(process.pid)
        workers = [last_descendant(guardian) for guardian in guardians]
        before = time.monotonic()
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
        assert time.monotonic() - before < 20
    wait_for(lambda: not any(map(is_running, guardians + workers)))
    assert (process.returncode, stdout, stderr) == (130, "", "\ninterrupted\n")
    assert [path for path in model.iterdir() if "out" in path.name] == []
