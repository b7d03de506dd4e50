"""Removing snapshots of a remote."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.aliases.move import set_alias
from gitstore.aliases.write_move import Reason
from gitstore.models.model import Model
from gitstore.models.reference import resolve
from gitstore.records.evaluations import NOTES
from gitstore.transfer.elsewhere.removal import plan_remote_removal, remove_remotely
from gitstore.transfer.remotes import find_remote
from gitstore.transfer.wire import PushRefused
from tests.support.commands import Fsck, Run, git, parsed
from tests.support.models import again, noise, put, take
from tests.support.sharing import connect, make_bare, make_clone, send

WEIGHTS = 500_000


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return make_bare(tmp_path / "origin.git", partial=True)


@pytest.fixture
def model(model: Model, bare: Path) -> Model:
    """A model with v1 and v2 there, which share `both`."""
    connected = connect(model, f"file://{bare}")
    for number, name in enumerate(("v1", "v2")):
        put(connected, "initial", {"both": noise(WEIGHTS), "own": noise(WEIGHTS, number + 1)})
        take(connected, name)
    send(connected)
    return again(connected)


def tags(directory: Path) -> list[str]:
    return git("for-each-ref", "--format=%(refname:short)", "refs/tags", cwd=directory).split()


def test_it_goes_there_and_stays_here(model: Model, bare: Path, run: Run, fsck: Fsck) -> None:
    outcome = run("rm", "v1", "--remote", "origin", "--yes", cwd=model.directory)
    assert outcome.code == 0
    lines = outcome.stderr.splitlines()
    assert lines[0].startswith("Removing v1 frees about 489.0 KiB in origin")
    assert lines[1:] == ["Removed v1 in origin; its own gc frees the disk space"]
    assert (tags(bare), tags(model.directory)) == (["v2"], ["v1", "v2"])
    fsck(bare)


def test_a_dry_run_says_what_it_frees(model: Model, bare: Path, run: Run) -> None:
    shape = parsed(run("rm", "v1", "v2", "--remote", "origin", "--dry-run", "--json", cwd=model.directory))
    assert shape["removed"] is False
    assert 3 * WEIGHTS < shape["frees"] < 3.1 * WEIGHTS
    assert tags(bare) == ["v1", "v2"]


def test_what_it_frees_is_not_known(model: Model, bare: Path, tmp_path: Path, run: Run) -> None:
    copy = make_clone(f"file://{bare}", tmp_path / "copy")
    shape = parsed(run("rm", "v1", "--remote", "origin", "--dry-run", "--json", cwd=copy.directory))
    assert shape["frees"] is None
    git(
        "update-ref",
        "refs/heads/theirs",
        git("commit-tree", "-m", "x", "main^{tree}", cwd=bare).strip(),
        cwd=bare,
    )
    outcome = run("rm", "v1", "--remote", "origin", "--dry-run", cwd=model.directory)
    assert "is not known: 1 ref there is not here" in outcome.stderr


def test_a_host_that_refuses(model: Model, bare: Path, run: Run) -> None:
    git("config", "receive.denyDeletes", "true", cwd=bare)
    hook = bare / "hooks" / "update"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    outcome = run("rm", "v1", "--remote", "origin", "--yes", cwd=model.directory)
    assert outcome.code == 1
    assert outcome.stderr.splitlines()[-1] == "error: origin refuses refs/tags/v1: hook declined"
    assert tags(bare) == ["v1", "v2"]


def test_one_that_changed_meanwhile(model: Model, bare: Path) -> None:
    remote = find_remote(model.repository, None, directory=model.directory, to_push=True)
    removal = plan_remote_removal(model.repository, remote, ["v1"])
    git("tag", "--force", "-m", "theirs", "v1", "main", cwd=bare)
    with pytest.raises(PushRefused, match="stale info"):
        remove_remotely(removal)
    assert tags(bare) == ["v1", "v2"]


def test_files_of_its_records_go_with_it(model: Model, bare: Path, run: Run) -> None:
    arguments = ("-p", "values=[1]", "--record", "first")
    assert run("evaluate", "v1", *arguments, cwd=model.directory).code == 0
    send(again(model))
    assert git("for-each-ref", "refs/records", cwd=bare)
    assert run("rm", "v1", "--remote", "origin", "--yes", cwd=model.directory).code == 0
    assert git("for-each-ref", "refs/records", cwd=bare) == ""
    assert git("for-each-ref", NOTES, cwd=bare)


def test_what_is_not_there(model: Model, bare: Path, run: Run) -> None:
    outcome = run("rm", "v9", "--remote", "origin", "--yes", cwd=model.directory)
    assert (outcome.code, "there is no snapshot v9 in origin" in outcome.stderr) == (1, True)


def test_one_with_an_alias_there_takes_force(model: Model, bare: Path, run: Run) -> None:
    set_alias(model, "production", resolve("v1", model.directory), reason=Reason())
    git("push", "--quiet", "origin", "refs/aliases/production", cwd=model.directory)
    refused = run("rm", "v1", "v2", "--remote", "origin", "--yes", cwd=model.directory)
    assert refused.code == 1
    assert refused.stderr.splitlines()[1:] == [
        "Aliases there that lead to them: production",
        "error: v1, v2 have the alias production in origin",
        "hint: --force removes the snapshot anyway, and then the alias leads nowhere",
    ]
    assert tags(bare) == ["v1", "v2"]
    shape = parsed(run("rm", "v1", "--remote", "origin", "--force", "--json", cwd=model.directory))
    assert (shape["aliases"], tags(bare)) == (["production"], ["v2"])


def test_an_alias_whose_move_is_not_here_is_unknown(model: Model, bare: Path, run: Run) -> None:
    stray = git("commit-tree", "-m", "not a move", "main^{tree}", cwd=bare).strip()
    git("update-ref", "refs/aliases/stray", stray, cwd=bare)
    assert run("rm", "v1", "--remote", "origin", "--yes", cwd=model.directory).code == 0
    git("fetch", "--quiet", "origin", "refs/aliases/stray", cwd=model.directory)
    assert run("rm", "v2", "--remote", "origin", "--yes", cwd=model.directory).code == 0
    assert tags(bare) == []
