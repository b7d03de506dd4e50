"""Snapshots of a remote, without a clone: what is fetched, and that nothing stays."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support.commands import Outcome, Run, git, parsed
from tests.support.models import again, change, noise, picture, put, take
from tests.support.servers import daemon
from tests.support.sharing import connect, list_objects, make_bare, make_clone, send

WEIGHTS = 2_000_000


@pytest.fixture
def bare(model: Model, tmp_path: Path) -> Path:
    """What was pushed: v1 and v2, whose weights share nothing."""
    bare = make_bare(tmp_path / "origin.git", partial=True)
    connected = connect(model, f"file://{bare}")
    put(connected, "initial", {"big": noise(WEIGHTS), "small": b"1"})
    take(connected, "v1")
    send(connected)
    return bare


@pytest.fixture
def theirs(model: Model, bare: Path, tmp_path: Path) -> Path:
    """v2 is there, and not here."""
    other = tmp_path / "other"
    git("clone", "--quiet", str(bare), str(other), cwd=tmp_path)
    theirs = Model.open(other)
    change(theirs)
    put(theirs, "initial", {"big": noise(WEIGHTS, 2)})
    take(theirs, "v2")
    git("push", "--quiet", "origin", "main", "v2", cwd=other)
    return bare


def says(outcome: Outcome, text: str) -> bool:
    assert outcome.code == 0, outcome
    return text in outcome.stdout


def refs(model: Model) -> str:
    return git("for-each-ref", cwd=model.directory)


def test_every_command_reads_them_and_leaves_nothing(
    model: Model, theirs: Path, tmp_path: Path, run: Run
) -> None:
    before = refs(model), list_objects(model.directory), picture(model.directory)
    for place in ("origin:", f"file://{theirs}"):
        listed = parsed(run("list", place, "--json", cwd=model.directory))
        assert [one["name"] for one in listed] == ["v1", "v2"]
    for reference in ("origin:v2", f"file://{theirs}@v2"):
        assert parsed(run("show", reference, "--json", cwd=model.directory))["name"] == "v2"
        assert says(run("diff", "v1", reference, "--patch", cwd=model.directory), "RATE = 3.0")
        outcome = run("evaluate", reference, "-p", "values=[1, 2]", cwd=model.directory)
        assert parsed(outcome) == {"products": [3.0, 6.0]}
        usage = parsed(run("usage", reference, "--json", cwd=model.directory))
        assert [holder["name"] for holder in usage["holders"]] == ["v2"]
    assert (refs(model), list_objects(model.directory), picture(model.directory)) == before
    cache = Path(os.environ["XDG_CACHE_HOME"]) / "gitstore" / "remote-repositories"
    assert list(cache.iterdir()) == []


def test_where_all_is_here_already_but_weights(bare: Path, tmp_path: Path, run: Run) -> None:
    """Nothing has to be fetched, and what a partial clone lacks is not here either."""
    copy = make_clone(f"file://{bare}", tmp_path / "copy").directory
    for words in (["list", "origin:"], ["show", "origin:v1"], ["usage", "origin:v1"]):
        outcome = run(*words, "--json", cwd=copy)
        assert outcome.code == 0, outcome.stderr
        assert outcome.stderr == ""
    assert parsed(run("usage", "origin:v1", "--json", cwd=copy))["absent"] > 0
    assert says(run("diff", "v1", "origin:v1", cwd=copy), "")
    assert parsed(run("evaluate", "origin:v1", "-p", "values=[1, 2]", cwd=copy)) == {"products": [2.0, 4.0]}


def test_where_all_is_here_already(bare: Path, model: Model, run: Run) -> None:
    outcome = run("list", "origin:", "--json", cwd=model.directory)
    assert [one["name"] for one in parsed(outcome)] == ["v1"]
    assert outcome.stderr == ""


def test_outside_a_repository(theirs: Path, tmp_path: Path, run: Run) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    assert says(run("show", f"file://{theirs}@v2", cwd=outside), "v2")
    assert parsed(run("usage", f"file://{theirs}", "--json", cwd=outside))["absent"] > 0
    assert list(outside.iterdir()) == []


def test_weights_do_not_travel_unless_they_are_read(model: Model, theirs: Path, run: Run) -> None:
    from tests.support.cutting import cutting

    with daemon(theirs) as url, cutting(url) as (through, proxy):
        for arguments in (["list", through], ["show", f"{through}@v2"], ["usage", through]):
            assert run(*arguments, cwd=model.directory).code == 0
        assert proxy.returned < 100_000
        assert run("evaluate", f"{through}@v2", "-p", "values=[1]", cwd=model.directory).code == 0
        assert WEIGHTS < proxy.returned < 1.2 * WEIGHTS


def test_a_server_that_leaves_nothing_out(model: Model, theirs: Path, run: Run) -> None:
    git("config", "uploadpack.allowFilter", "false", cwd=theirs)
    outcome = run("show", "origin:v2", "--json", cwd=model.directory)
    assert outcome.code == 0
    assert outcome.stderr == f"file://{theirs} cannot leave out large files; everything was fetched\n"


def test_a_remote_that_is_a_directory(model: Model, theirs: Path, run: Run) -> None:
    git("remote", "set-url", "origin", os.path.relpath(theirs, model.directory), cwd=model.directory)
    assert says(run("list", "origin:", cwd=model.directory), "v2")
    assert says(run("show", "origin:v2", cwd=model.directory), "v2")


def test_settings_of_the_repository_count(model: Model, theirs: Path, run: Run, tmp_path: Path) -> None:
    """Its own configuration says how a host is reached."""
    script = tmp_path / "ssh"
    script.write_text(f'#!/bin/sh\necho reached > {tmp_path}/reached\nshift; eval "$*"\n')
    script.chmod(0o755)
    git("config", "core.sshCommand", str(script), cwd=model.directory)
    git("config", "ssh.variant", "simple", cwd=model.directory)
    git("remote", "set-url", "origin", f"ssh://example.invalid{theirs}", cwd=model.directory)
    assert says(run("list", "origin:", cwd=model.directory), "v2")
    assert (tmp_path / "reached").exists()


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("origin:v9", "there is no snapshot v9 in origin"),
        ("origin:../v1", "there is no snapshot ../v1 in origin"),
        ("nowhere:v1", "nowhere"),
        ("ext::sh -c true@v1", "names a remote helper"),
        ("file:///nowhere@v1", "cannot be reached"),
    ],
)
def test_what_cannot_be_found(model: Model, bare: Path, run: Run, reference: str, message: str) -> None:
    outcome = run("show", reference, cwd=model.directory)
    assert outcome.code == 1
    assert message in outcome.stderr


def test_a_record_needs_a_snapshot_that_is_here(model: Model, bare: Path, run: Run) -> None:
    outcome = run("evaluate", "origin:v1", "-p", "values=[1]", "--record", "first", cwd=model.directory)
    assert outcome.code == 2
    assert "--record needs a snapshot that is here" in outcome.stderr


def test_a_name_is_of_the_model_that_one_is_in(model: Model, bare: Path, run: Run, tmp_path: Path) -> None:
    assert run("derive", "v1", "dogs", str(tmp_path / "dogs"), cwd=model.directory).code == 0
    dogs = Model.open(tmp_path / "dogs")
    put(dogs, "initial", {"weights": b"dogs"})
    take(dogs, "v1")
    send(again(dogs))
    assert says(run("show", "origin:v1", "--json", cwd=dogs.directory), '"model": "dogs"')
    assert says(run("show", "origin:dogs@v1", "--json", cwd=model.directory), '"model": "dogs"')
    assert says(run("show", "origin:v1", "--json", cwd=model.directory), '"model": "digits"')
