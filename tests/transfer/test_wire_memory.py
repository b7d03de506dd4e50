"""Memory of a push and a clone: all processes together, on both sides, hold little of the weights."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support import combinations
from tests.support.commands import GITSTORE, git
from tests.support.content import MIB
from tests.support.memory import sampling
from tests.support.models import noise, put, take
from tests.support.sharing import connect, make_bare

MOST = 56 * MIB
"""Python, pygit2 and gitstore take 24 MiB. The weights have 64 MiB."""


def measure(*command: str | Path, cwd: Path) -> int:
    """Run a command, and return the most memory that it and its children hold at one time."""
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    with process, sampling(process.pid, every=0.002) as most:
        said, _ = process.communicate()
    assert process.returncode == 0, said
    return most()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")
@combinations.rest
def test_push_and_clone_hold_little_of_the_weights(model: Model, tmp_path: Path) -> None:
    bare = make_bare(tmp_path / "origin.git")
    connect(model, f"file://{bare}")
    put(model, "initial", {"weights": noise(64 * MIB)})
    take(model, "v1")
    assert 10 * MIB < measure(GITSTORE, "push", cwd=model.directory) < MOST
    assert 10 * MIB < measure(GITSTORE, "clone", f"file://{bare}", "copy", cwd=tmp_path) < MOST
    assert git("tag", cwd=tmp_path / "copy") == "v1\n"


def test_memory_that_a_child_holds_is_seen() -> None:
    hold = f"held = b'x' * {64 * MIB}; print(flush=True); input()"
    start = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {hold!r}])"
    process = subprocess.Popen([sys.executable, "-c", start], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process, sampling(process.pid, every=0.002) as most:
        assert process.stdout is not None
        process.stdout.readline()
        deadline = time.monotonic() + 30
        while most() < 64 * MIB:
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.communicate(b"\n")
