"""`git bisect run gitstore evaluate --expect NAME` finds the commit that changed what a model gives."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support import combinations, spawning
from tests.support.commands import GITSTORE, Git, Run
from tests.support.models import take

OLD, NEW = "values * self.factor * RATE", "values * self.factor * RATE + 1e-3"


def commit(git: Git, model: Model, text: str, *, old: str = "", new: str = "") -> str:
    path = model.directory / "code" / "model.py"
    path.write_text(path.read_text().replace(old, new) + f"# {text}\n")
    git("commit", "--quiet", "--all", "-m", text, cwd=model.directory)
    return git("rev-parse", "HEAD", cwd=model.directory).strip()


def test_a_regression_is_found(
    model: Model, run: Run, git: Git, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of eight commits, one cannot be loaded and is skipped, and another changes the outputs."""
    take(model, "v1")
    good = git("rev-parse", "HEAD", cwd=model.directory).strip()
    recorded = run("evaluate", "v1", "-p", "values=[1, 2.25]", "--record", "first", cwd=model.directory)
    assert recorded.code == 0
    commit(git, model, "one")
    commit(git, model, "broken", old="class Model:", new="class Modell:")
    commit(git, model, "mended", old="class Modell:", new="class Model:")
    commit(git, model, "two")
    culprit = commit(git, model, "an innocent clean-up", old=OLD, new=NEW)
    commit(git, model, "three")
    commit(git, model, "four")
    monkeypatch.setattr("sys.executable", str(spawning.stand_ins() / "python"))
    git("bisect", "start", "HEAD", good, cwd=model.directory)
    done = subprocess.run(
        ["git", "bisect", "run", GITSTORE, "evaluate", "--expect", "first", "--rtol", "1e-6"],
        cwd=model.directory, env=dict(os.environ), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{culprit} is the first bad commit" in done.stdout
    assert "products: 2 of 2 differ, at most by 0.001" in done.stdout


@combinations.sample(3)
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--expect", "first"], 0),
        (["--expect", "v1:first"], 0),
        (["v1", "--expect", "first"], 0),
        (["--expect", "first", "-p", "values=[1]"], 0),
        (["--expect", "second"], 125),
        (["--expect", "v9:first"], 125),
        (["v9", "--expect", "first"], 125),
        (["--expect", "first", "-p", "values=[2]"], 125),
        (["--expect", "first", "-p", "values=x"], 125),
        (["--expect", "first", "-p", "values=@gone.npy"], 125),
    ],
)
def test_exit_codes(model: Model, run: Run, arguments: list[str], code: int) -> None:
    take(model, "v1")
    assert run("evaluate", "v1", "-p", "values=[1]", "--record", "first", cwd=model.directory).code == 0
    assert run("evaluate", *arguments, cwd=model.directory).code == code


def test_two_snapshots_with_a_record_of_one_name(model: Model, run: Run) -> None:
    for name in ("v1", "v2"):
        take(model, name)
        assert run("evaluate", name, "-p", "values=[1]", "--record", "first", cwd=model.directory).code == 0
    outcome = run("evaluate", "--expect", "first", cwd=model.directory)
    assert outcome.code == 125
    assert "write --expect v1:first" in outcome.stderr


def test_settings_that_are_invalid_cannot_be_tested(model: Model, run: Run) -> None:
    take(model, "v1")
    assert run("evaluate", "v1", "-p", "values=[1]", "--record", "first", cwd=model.directory).code == 0
    (model.directory / "settings.yaml").write_text("name: digits\ntypes: 7\n")
    assert run("evaluate", "--expect", "first", cwd=model.directory).code == 125


def test_verify_exits_with_12(model: Model, run: Run) -> None:
    path = model.directory / "code" / "model.py"
    path.write_text(path.read_text().replace(OLD, "values + np.random.default_rng().random()"))
    take(model, "v1")
    assert run("evaluate", "v1", "-p", "values=[1]", "--record", "first", cwd=model.directory).code == 0
    outcome = run("verify", "v1", "--evaluations", cwd=model.directory)
    assert outcome.code == 12
    assert "v1: evaluation first: products: 1 of 1 differ, at most by" in outcome.stderr
    assert run("verify", "v1", "--evaluations", "--atol", "products=1", cwd=model.directory).code == 0
    as_json = run("verify", "v1", "--evaluations", "--json", cwd=model.directory)
    assert (as_json.code, '"ok": false' in as_json.stdout) == (12, True)
