"""Which launcher an evaluation gets, by the settings and by what the user says."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gitstore.launchers.choice import choose_launcher
from gitstore.launchers.ray.cluster import NoCluster
from gitstore.launchers.ray.launcher import RayLauncher
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run.evaluation import LocalLauncher
from tests.support.commands import Run, git
from tests.support.models import retype, take, user_conditions

NOWHERE = "127.0.0.1:1"


def snapshot_for(model: Model, engine: str) -> Snapshot:
    retype(model, "# no more", f"\ndefault_launchers: {{evaluate: {{engine: {engine}}}}}")
    return take(model, "v1")


@pytest.mark.parametrize(
    ("setting", "chosen", "is_ray"),
    [("local", None, False), ("ray", None, True), ("ray", "local", False), ("local", "ray", True)],
)
def test_engines(model: Model, setting: str, chosen: str | None, is_ray: bool) -> None:
    conditions = replace(user_conditions(), engine=chosen, ray_address=NOWHERE)
    launcher = choose_launcher(snapshot_for(model, setting), conditions)
    assert isinstance(launcher, RayLauncher if is_ray else LocalLauncher)


@pytest.mark.parametrize(("setting", "chosen"), [("ray", None), ("local", "ray")])
def test_no_address(model: Model, setting: str, chosen: str | None) -> None:
    with pytest.raises(NoCluster, match=r"engine|--launcher") as caught:
        choose_launcher(snapshot_for(model, setting), replace(user_conditions(), engine=chosen))
    assert "gitstore.rayAddress" in (caught.value.hint or "")


def test_the_command_line(run: Run, model: Model) -> None:
    snapshot_for(model, "ray")
    evaluate = ("evaluate", "v1", "-p", "values=[1]")
    done = run(*evaluate, cwd=model.directory)
    assert (done.code, "rayAddress" in done.stderr) == (1, True)
    git("config", "gitstore.rayAddress", NOWHERE, cwd=model.directory)  # the repository's own
    assert "rayAddress" in run(*evaluate, cwd=model.directory).stderr
    git("config", "--global", "gitstore.rayAddress", NOWHERE, cwd=model.directory)
    done = run(*evaluate, cwd=model.directory)
    assert (done.code, NOWHERE in done.stderr, "Traceback" in done.stderr) == (1, True, False)
    done = run(*evaluate, "--launcher", "ray:nowhere", cwd=model.directory)
    assert (done.code, "HOST:PORT" in done.stderr) == (1, True)
    assert run(*evaluate, "--launcher", "local", cwd=model.directory).code == 0


@pytest.mark.parametrize(
    "options",
    [
        ["v1", "--launcher", "dask"],
        ["v1", "--launcher", "local:1"],
        ["--launcher", "ray"],
        ["v1", "--launcher", "ray", "--warm"],
        ["--launcher", "ray", "--compare", "v1", "v1"],
    ],
)
def test_choices_that_make_no_sense(run: Run, model: Model, options: list[str]) -> None:
    done = run("evaluate", *options, "-p", "values=[1]", cwd=model.directory)
    assert (done.code, "--launcher" in done.stderr) == (2, True)
