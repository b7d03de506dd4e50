"""Repositories that git makes and few people have: no command trips over them."""

from __future__ import annotations

import os
from pathlib import Path

from gitstore.models.model import Model
from tests.support.commands import Git, Run
from tests.support.models import put, take


def test_a_branch_whose_name_is_not_utf_8(model: Model, git: Git, run: Run) -> None:
    git("switch", "--quiet", "-c", os.fsdecode(b"caf\xe9"), cwd=model.directory)
    for words in ("status", "status --json", "snapshot v1", "list", "log", "verify --all", "usage", "gc"):
        done = run(*words.split(), cwd=model.directory)
        assert done.code == 0, (words, done.stderr)


def test_a_shallow_clone(model: Model, git: Git, run: Run, tmp_path: Path) -> None:
    take(model, "v1")
    there = tmp_path / "shallow"
    git("clone", "--quiet", "--depth=1", f"file://{model.directory}", str(there), cwd=tmp_path)
    put(Model.open(there), "initial", {"weights": b"mine"})
    for words in ("status", "snapshot v2", "list", "log", "verify", "usage", "gc", "diff v2"):
        done = run(*words.split(), cwd=there)
        assert done.code == 0, (words, done.stderr)
