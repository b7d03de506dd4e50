"""`Model.new_state`: a training loop of one's own leaves a state with a record, or nothing."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gitstore
from gitstore.models.model import Model as InternalModel
from gitstore.storage import leftovers
from tests.support.commands import Fsck, Git
from tests.support.failing import refuses
from tests.support.models import again, picture


@pytest.fixture
def model(model: InternalModel) -> gitstore.Model:
    """The small model of `models.make`, as a script opens it."""
    return gitstore.open(model.directory)


def record(model: gitstore.Model, name: str, git: Git) -> Any:
    tree = f"refs/states/{name}^{{tree}}"
    return json.loads(git("notes", "--ref=trainings", "show", tree, cwd=model.directory))


def test_a_saved_state_with_a_record(model: gitstore.Model, git: Git, fsck: Fsck, tmp_path: Path) -> None:
    data = tmp_path / "data.csv"
    data.write_text("1,2\n")
    values = np.arange(3)
    params = {"rate": 0.1, "layers": [1, 2], "seed": np.int64(7)}
    with model.new_state("run-7", params=params, data={"file": data, "values": values}) as state:
        (state.path / "w.bin").write_bytes(b"weights")
        state.metric("loss", 0.5)
        state.metric("loss", 0.25)
    assert state.path == model.directory / "states" / "run-7"
    assert picture(state.path).keys() == {"w.bin"}
    assert state.saved == next(entry for entry in model.states() if entry.name == "run-7")
    kept = record(model, "run-7", git)
    assert kept["parameters"] == {"rate": 0.1, "layers": [1, 2], "seed": 7}
    assert [(entry["name"], entry["type"], entry["size"]) for entry in kept["data"]] == [
        ("file", "file", 4),
        ("values", "i64", 128 + 24),
    ]
    assert kept["data"][0]["sha256"] == hashlib.sha256(data.read_bytes()).hexdigest()
    assert (kept["metrics"][0]["first"], kept["metrics"][0]["last"]) == (0.5, 0.25)
    environment = kept["circumstances"]["environment"]
    assert f"numpy=={np.__version__}" in environment["packages"]
    assert kept["circumstances"]["durations"]["total"] > 0
    tree = git("rev-parse", "refs/states/run-7^{tree}", cwd=model.directory).strip()
    lines = git("show", f"refs/records/{tree}/run-7:metrics.csv", cwd=model.directory)
    assert lines.splitlines()[0] == "seconds,name,value"
    fsck(model.directory)


def test_names_and_the_active_state(model: gitstore.Model) -> None:
    for _ in range(2):
        with model.new_state(use=True) as state:
            (state.path / "w").touch()
    assert state.saved is not None
    assert (state.saved.name, model.active_state) == ("trained-2", "trained-2")


def test_nothing_is_kept_if_the_block_raises(model: gitstore.Model, git: Git) -> None:
    before = picture(model.directory), git("for-each-ref", cwd=model.directory)
    for error in (ZeroDivisionError, KeyboardInterrupt):
        with pytest.raises(error), model.new_state("run-7") as state:
            (state.path / "w").touch()
            raise error
    assert (picture(model.directory), git("for-each-ref", cwd=model.directory)) == before
    assert state.saved is None


def test_what_cannot_be_recorded_is_refused_before_the_block_runs(model: gitstore.Model) -> None:
    for kind, arguments in (
        (gitstore.InvalidInput, {"params": {"x": object()}}),
        (gitstore.InvalidInput, {"params": {"x": np.zeros(3)}}),
        (gitstore.InvalidInput, {"data": {"x": "missing.csv"}}),
        (gitstore.InvalidInput, {"data": {"x": [object()]}}),
    ):
        with refuses("x: ", kind=kind), model.new_state("run-7", **arguments):
            pytest.fail("the block runs")
    with pytest.raises(gitstore.StateExists), model.new_state("initial"):
        pytest.fail("the block runs")
    with pytest.raises(gitstore.InvalidName), model.new_state("a b"):
        pytest.fail("the block runs")


@pytest.mark.parametrize("name", ["", "a" * 201, "a\nb", "\x1b[31m"])
def test_names_of_metrics(model: gitstore.Model, name: str) -> None:
    with pytest.raises(ValueError, match="a metric's name"), model.new_state("run-7") as state:
        state.metric(name, 1)
    assert not (model.directory / "states" / "run-7").exists()


def test_in_a_bare_repository(model: gitstore.Model, git: Git, tmp_path: Path) -> None:
    git("clone", "--quiet", "--bare", str(model.directory), "bare", cwd=tmp_path)
    bare = gitstore.open(tmp_path / "bare")
    with refuses("bare repository", hint="clone"), bare.new_state("run-7"):
        pytest.fail("the block runs")


def test_what_a_killed_training_leaves_is_removed_by_gc(model: gitstore.Model) -> None:
    script = f"""\
import gitstore, os, signal
with gitstore.open({str(model.directory)!r}).new_state("run-7") as state:
    (state.path / "w.bin").write_bytes(bytes(1000))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", script], env=dict(os.environ), check=False)
    assert done.returncode == -signal.SIGKILL
    internal = again(InternalModel.open(model.directory))
    (left,) = leftovers.find_leftovers(internal.repository)
    assert left.parent == model.directory / "states"
    leftovers.remove_leftover(left)
    assert [state.name for state in model.states()] == ["initial"]
    assert sorted(os.listdir(model.directory / "states")) == ["initial"]
