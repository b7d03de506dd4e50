"""A clone without blobs: what is there works, and what a command needs is fetched."""

from __future__ import annotations

from pathlib import Path

from gitstore.models.model import Model
from tests.support.commands import Run, git
from tests.support.models import take


def test_a_command_fetches_what_a_partial_clone_lacks(model: Model, tmp_path: Path, run: Run) -> None:
    take(model, "v1")
    git("config", "uploadpack.allowFilter", "true", cwd=model.directory)
    clone = tmp_path / "clone"
    git("clone", "--quiet", "--filter=blob:none", f"file://{model.directory}", str(clone), cwd=tmp_path)
    listing = git("rev-list", "--objects", "--missing=print", "v1", cwd=clone)
    assert "?" in listing
    for command in (["status"], ["list"], ["verify", "v1"]):
        assert run(*command, cwd=clone).code == 0
    assert "?" not in git("rev-list", "--objects", "--missing=print", "v1^{tree}", cwd=clone)
