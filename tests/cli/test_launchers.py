"""`gitstore serve-model`, `evaluate --warm` and `launcher`, as a person meets them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gitstore.launchers.directory import identify
from tests.support import combinations, scenes
from tests.support.commands import Git, Gitstore


@pytest.fixture
def here(tmp_path: Path) -> Path:
    scenes.snapshot(tmp_path)
    return tmp_path / "digits"


def test_from_start_to_stop(here: Path, gitstore: Gitstore, git: Git) -> None:
    started = _serve(here, "v1", "--detach", "--json")
    assert started.returncode == 0, started.stderr
    about = json.loads(started.stdout)
    tag = git("rev-parse", "v1", cwd=here).strip()
    assert (about["id"], about["snapshot"]) == (identify(tag), "digits@v1")
    try:
        evaluated = gitstore("evaluate", "v1", "--warm", "-p", "values=[1, 2]", cwd=here)
        assert evaluated.code == 0, evaluated.stderr
        assert json.loads(evaluated.stdout) == {"products": [2.0, 4.0]}
        (status,) = json.loads(gitstore("launcher", "list", "--json", cwd=here).stdout)
        assert (status["answered"], status["process"], status["tag"]) == (1, about["process"], tag)
        assert "digits@v1" in gitstore("launcher", "list", cwd=here).stdout
        second = _serve(here, "v1", "--detach")
        assert second.returncode == 1
        assert f"gitstore launcher stop {about['id']}" in second.stderr
    finally:
        stopped = gitstore("launcher", "stop", "v1", "--json", cwd=here)
    assert json.loads(stopped.stdout) == {"stopped": [about["id"]]}
    assert gitstore("launcher", "list", "--json", cwd=here).stdout.strip() == "[]"


@combinations.sample(2)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it(here: Path, gitstore: Gitstore, number: int) -> None:
    server = subprocess.Popen(
        [sys.executable, "-m", "gitstore", "serve-model", "v1", "--json"],
        cwd=here,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    with server.stdout as lines:
        while lines.readline().strip() != "}":
            assert server.poll() is None
        os.kill(server.pid, number)
        assert server.wait(30) == 0
    assert gitstore("launcher", "list", "--json", cwd=here).stdout.strip() == "[]"


def test_a_killed_one_leaves_nothing_that_lives(here: Path, gitstore: Gitstore) -> None:
    process = json.loads(_serve(here, "v1", "--detach", "--json").stdout)["process"]
    group = [process, *_descendants(process)]
    assert len(group) > 1
    os.kill(process, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while any(map(_is_alive, group)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert gitstore("launcher", "list", "--json", cwd=here).stdout.strip() == "[]"
    failed = gitstore("evaluate", "v1", "--warm", "-p", "values=[1]", cwd=here)
    assert (failed.code, "no warm launcher serves" in failed.stderr) == (1, True)


def _descendants(process: int) -> Iterator[int]:
    for task in Path(f"/proc/{process}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            yield child
            yield from _descendants(child)


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@combinations.rest
def test_a_model_that_cannot_be_instantiated(here: Path, gitstore: Gitstore) -> None:
    (here / "code" / "model.py").write_text("class Model:\n    pass\n")
    assert gitstore("snapshot", "broken", cwd=here).code == 0
    failed = _serve(here, "broken", "--detach")
    assert failed.returncode == 14
    assert "class Model has no method evaluate" in failed.stderr


def _serve(here: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gitstore", "serve-model", *arguments],
        cwd=here,
        capture_output=True,
        text=True,
        timeout=60,
    )
