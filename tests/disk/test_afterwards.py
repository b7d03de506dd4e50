"""What fails after a ref is set does not make a command fail: what it was for has happened."""

from __future__ import annotations

import errno

import pytest

from gitstore.git import refs
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from tests.support.commands import Run
from tests.support.models import take


def _full(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_names_that_cannot_be_synced(model: Model, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(refs, "sync_directory", _full)
        outcome = run("snapshot", "v1", cwd=model.directory)
    assert outcome.code == 0
    assert "warning: refs/tags may not survive a power failure: No space left on device\n" in outcome.stderr
    assert run("verify", "v1", cwd=model.directory).code == 0


def test_a_hook_and_upkeep_that_cannot_run(model: Model, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    hook = model.repository.common / "hooks" / "post-snapshot"
    hook.write_text("#!/bin/sh\n")
    hook.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr("gitstore.events.process.run", _full)
        patched.setattr("gitstore.objects.repack.merge_small_packs", _full)
        outcome = run("snapshot", "v1", cwd=model.directory)
    assert outcome.code == 0
    assert "warning: the hook post-snapshot cannot be run: No space left on device\n" in outcome.stderr


def test_what_fails_before_the_ref_leaves_nothing(
    model: Model, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr("gitstore.disk.atomic.os.fsync", _full)
        outcome = run("snapshot", "v1", cwd=model.directory)
    assert outcome.code == 1
    assert Repository.discover(model.directory).refs.get("refs/tags/v1") is None
    take(model, "v1")
