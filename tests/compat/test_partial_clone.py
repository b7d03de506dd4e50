"""A clone without blobs: what is there works, and the hint for the rest is true."""

from __future__ import annotations

import shlex
from pathlib import Path

from gitstore.models.model import Model
from tests.support.commands import Run, git
from tests.support.models import take


def test_what_a_partial_clone_lacks_comes_as_the_hint_says(model: Model, tmp_path: Path, run: Run) -> None:
    take(model, "v1")
    git("config", "uploadpack.allowFilter", "true", cwd=model.directory)
    clone = tmp_path / "clone"
    git("clone", "--quiet", "--filter=blob:none", f"file://{model.directory}", str(clone), cwd=tmp_path)
    assert run("status", cwd=clone).code == 0
    for command in (["list"], ["verify", "v1"]):
        outcome = run(*command, cwd=clone)
        assert outcome.code == 12
        hint = outcome.stderr.splitlines()[-1]
        assert hint.startswith("hint: this is a partial clone; git fetch ")
    command = shlex.split(hint.partition("; ")[2].partition(" fetches ")[0])
    git(*command[1:], cwd=clone)
    assert run("list", cwd=clone).code == 0
    assert run("verify", "v1", cwd=clone).code == 0
