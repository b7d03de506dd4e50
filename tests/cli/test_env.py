"""Operations in real environments: what a model can import, and what it gives with packages of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gitstore.environments.resolve import update_lock
from gitstore.environments.uv import Permissions, select_variables
from gitstore.models.model import Model
from gitstore.sandbox.plan import find_bubblewrap
from gitstore.settings import set_keys
from tests.support import combinations, models
from tests.support.commands import GITSTORE, Git, Run
from tests.support.wheels import NUMPY, OTHER_NUMPY

pytestmark = pytest.mark.real_starts

CODE = """
import importlib
import sys
import numpy as np


class Model:
    def __init__(self, state):
        self.state = state

    def evaluate(self, names):
        found = [can_import(name) for name in names]
        noise = np.random.default_rng(7).standard_normal(1000).astype("f4")
        return {"found": np.array(found, bool), "numpy": np.__version__, "noise": noise @ noise * noise}

    @staticmethod
    def create_state(out):
        (out / "python").write_text(sys.version)


def can_import(name):
    try:
        importlib.import_module(name)
    except ImportError:
        return False
    return True
"""

SETTINGS = """\
name: digits
types:
  evaluate:
    inputs: [{name: names, types: [string], shape: [-1]}]
    outputs:
      - {name: found, types: [bool], shape: [-1]}
      - {name: numpy, types: [string], shape: []}
      - {name: noise, types: [f32], shape: [-1]}
"""

LEAKING = ("click", "gitstore", "pygit2", "msgspec", "pytest", "pip", "leaked")


@pytest.fixture
def here(tmp_path: Path, git: Git) -> Path:
    """A model without requirements, which says which packages it can import."""
    directory = models.make(tmp_path / "digits").directory
    (directory / "code" / "model.py").write_text(CODE)
    (directory / "settings.yaml").write_text(SETTINGS)
    git("commit", "--quiet", "--all", "-m", "Say what there is", cwd=directory)
    return directory


def require(directory: Path, *requirements: str) -> None:
    path = directory / "settings.yaml"
    path.write_bytes(set_keys(path.read_bytes(), {"packages": {"requirements": list(requirements)}}))


def lock(directory: Path) -> None:
    """What `gitstore lock` does."""
    update_lock(Model.open(directory), permissions=Permissions(environment=select_variables(os.environ)))


def names(*names: str) -> str:
    return f"names={json.dumps(names)}"


def test_nothing_leaks_in(here: Path, run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither what gitstore runs with, nor what the user has."""
    user_site = home / ".local" / "lib" / "python{}.{}".format(*sys.version_info) / "site-packages"
    for directory in (home / "path", user_site):
        directory.mkdir(parents=True)
        (directory / "leaked.py").write_text("")
        (directory / "sitecustomize.py").write_text("raise SystemExit(9)")
    monkeypatch.setenv("PYTHONPATH", str(home / "path"))
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    outcome = run("evaluate", "-p", names(*LEAKING, "numpy", "json"), cwd=here)
    assert (outcome.code, outcome.stderr) == (0, "")
    outputs = json.loads(outcome.stdout)
    assert outputs["found"] == [False] * len(LEAKING) + [True, True]
    assert outputs["numpy"] == NUMPY


class TestLocked:
    """A model with a numpy of its own."""

    @pytest.fixture
    def locked(self, here: Path) -> Path:
        require(here, f"numpy=={OTHER_NUMPY}")
        lock(here)
        return here

    @combinations.rest
    def test_a_snapshot_gives_the_same_bytes_from_two_clones_with_fresh_caches(
        self, locked: Path, run: Run, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert run("snapshot", "v1", cwd=locked).code == 0
        outputs = []
        for name in ("one", "other"):
            monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / f"cache-{name}"))
            git("clone", "--quiet", str(locked), name, cwd=tmp_path)
            outcome = run("evaluate", "v1", "-p", names(), "--out", "out", cwd=tmp_path / name)
            assert outcome.code == 0, outcome.stderr
            outputs.append({path.name: path.read_bytes() for path in (tmp_path / name / "out").iterdir()})
        assert outputs[0] == outputs[1]
        assert np.load(tmp_path / "one" / "out" / "numpy.npy") == OTHER_NUMPY

    @combinations.rest
    def test_another_numpy_in_the_model_leaves_the_snapshot_as_it_was(self, locked: Path, run: Run) -> None:
        assert run("snapshot", "v1", cwd=locked).code == 0
        before = run("evaluate", "v1", "-p", names(), cwd=locked).stdout
        require(locked, f"numpy=={NUMPY}")
        lock(locked)
        assert json.loads(run("evaluate", "-p", names(), cwd=locked).stdout)["numpy"] == NUMPY
        assert run("evaluate", "v1", "-p", names(), cwd=locked).stdout == before
        assert json.loads(before)["numpy"] == OTHER_NUMPY

    def test_a_derived_model_shares_the_environment_of_its_base(self, locked: Path, run: Run) -> None:
        assert run("snapshot", "v1", cwd=locked).code == 0
        assert run("derive", "v1", "dogs", cwd=locked).code == 0
        built = json.loads(run("env", "build", "v1", "--json", cwd=locked).stdout)
        derived = json.loads(run("env", "build", "--json", cwd=locked.parent / "dogs").stdout)
        assert (derived["key"], derived["built"]) == (built["key"], False)
        listed = json.loads(run("env", "list", "--json", cwd=locked).stdout)
        (users,) = [one["used_by"] for one in listed if one["key"] == built["key"]]
        assert users == ["digits", "dogs", "digits@v1"]


class TestUnlocked:
    """A model with requirements, and no lock."""

    @pytest.fixture
    def unlocked(self, here: Path) -> Path:
        require(here, f"numpy=={NUMPY}")
        return here

    @pytest.mark.parametrize(
        "command", [("evaluate", "-p", names()), ("state", "create", "other"), ("train",)]
    )
    def test_is_refused(self, command: tuple[str, ...], unlocked: Path, run: Run) -> None:
        outcome = run(*command, "--json", cwd=unlocked)
        error = json.loads(outcome.stderr)["error"]
        assert (outcome.code, error["kind"]) == (1, "not_current")
        assert "gitstore lock" in error["hint"]

    def test_runs_if_told_so_and_says_so(self, unlocked: Path, run: Run, tmp_path: Path) -> None:
        hook = unlocked / ".git" / "hooks" / "post-evaluate"
        hook.write_text(f"#!/bin/sh\ncat > {tmp_path}/event\n")
        hook.chmod(0o755)
        outcome = run("evaluate", "--no-lock", "-p", names(), cwd=unlocked)
        assert (outcome.code, outcome.stderr.count("warning: running unlocked")) == (0, 1)
        assert json.loads((tmp_path / "event").read_text())["unlocked"] is True
        created = run("state", "create", "other", "--no-lock", "--json", cwd=unlocked)
        assert json.loads(created.stdout)["unlocked"] is True

    def test_a_snapshot_is_checked_unlocked_only_if_told_so(self, unlocked: Path, run: Run) -> None:
        assert run("snapshot", "v1", "--check", cwd=unlocked).code == 1
        assert run("snapshot", "v1", "--no-lock", cwd=unlocked).code == 2
        assert run("snapshot", "v1", "--check", "--no-lock", cwd=unlocked).code == 0
        assert run("evaluate", "v1", "-p", names(), cwd=unlocked).code == 1
        assert run("derive", "v1", "a", "--state", "create", cwd=unlocked).code == 1
        assert run("derive", "v1", "a", "--no-lock", cwd=unlocked).code == 2
        assert run("derive", "v1", "a", "--state", "create", "--no-lock", cwd=unlocked).code == 0


OFFLINE = """
set -e
gitstore lock
gitstore evaluate v1 -p names=[]
gitstore snapshot v2
gitstore derive v1 dogs
gitstore -C ../dogs evaluate -p names=[]
"""


@combinations.rest
def test_with_filled_caches_everything_works_without_a_network(
    here: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """tests/environments/test_store.py builds an environment again, from uv's cache."""
    require(here, f"numpy=={OTHER_NUMPY}")
    lock(here)
    assert run("snapshot", "v1", cwd=here).code == 0
    first = run("evaluate", "v1", "-p", names(), cwd=here).stdout
    monkeypatch.delenv("UV_FIND_LINKS")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple/")
    monkeypatch.setenv("PATH", f"{GITSTORE.parent}{os.pathsep}{os.environ['PATH']}")
    command = [str(find_bubblewrap()), "--dev-bind", "/", "/", "--unshare-net", "--", "sh", "-c", OFFLINE]
    completed = subprocess.run(command, cwd=here, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stderr
    assert completed.stdout.count(first) == 2


def test_no_environment_is_one_object_of_json(here: Path, run: Run) -> None:
    path = here / "settings.yaml"
    path.write_bytes(set_keys(path.read_bytes(), {"packages": {"python": "3.99"}}))
    outcome = run("evaluate", "-p", names(), "--json", cwd=here)
    error = json.loads(outcome.stderr)["error"]
    assert (outcome.code, outcome.stdout, error["kind"]) == (14, "", "environment_failed")
    assert error["details"] == {"at": "environment", "reason": "python_missing"}
