"""Pushes to a store by its path, with stock git and with gitstore, through the real hooks."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitstore.store.store import Store
from tests.support import models
from tests.support.commands import fsck, git
from tests.support.models import again
from tests.support.sharing import connect, send
from tests.support.stores import OWNERS, add_model, list_refs, make_pushed, make_store


def push_as(user: str, *arguments: str, cwd: Path) -> str:
    """Push with git, as a user whom ssh has let in; returns what the pusher reads."""
    command = ["git", "push", "--porcelain", *arguments]
    done = subprocess.run(
        command,
        cwd=cwd,
        env=dict(os.environ, GITSTORE_USER=user),
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stderr if done.returncode else ""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


@pytest.mark.real_starts
def test_a_push_is_in_the_ledger_to_the_byte(store: Store, tmp_path: Path) -> None:
    local = make_pushed(store, tmp_path / "digits", "v1", "v2")
    model = store.find_model("ada/digits")
    with store.ledger() as ledger:
        assert {ref: str(oid) for ref, oid in ledger.refs("ada/digits").items()} == list_refs(model.directory)
        charged = sum(holding.bytes for holding in ledger.holdings())
        assert ledger.pending() == []
    (pack,) = (model.directory / "objects" / "pack").glob("*.pack")
    assert charged == pack.stat().st_size - 32  # the header and the checksum of the pack are nobody's
    fsck(model.directory)
    assert list_refs(model.directory)["refs/tags/v1"] == git("rev-parse", "v1", cwd=local.directory).strip()


@pytest.mark.real_starts
def test_gitstore_pushes_to_a_store(store: Store, tmp_path: Path) -> None:
    add_model(store)
    local = connect(models.make(tmp_path / "digits"), store.find_model("ada/digits").directory)
    models.take(local, "v1")
    send(local)
    models.take(again(local), "v2")
    send(local)
    assert {"refs/heads/main", "refs/tags/v1", "refs/tags/v2"} == set(
        list_refs(store.find_model("ada/digits").directory)
    )


def test_a_snapshot_cannot_be_moved_or_deleted(store: Store, tmp_path: Path) -> None:
    local = make_pushed(store, tmp_path / "digits", "v1", "v2")
    before = list_refs(store.find_model("ada/digits").directory)
    for refspec in ("+v2:refs/tags/v1", ":refs/tags/v1"):
        refused = push_as("ada", "origin", refspec, cwd=local.directory)
        (line,) = (line for line in refused.splitlines() if "snapshot-fixed" in line)
        assert line.startswith("remote: ")
        assert "refs/tags/v1" in line
    assert list_refs(store.find_model("ada/digits").directory) == before


@pytest.mark.parametrize(
    ("user", "refusal"),
    [
        ("ada", ""),
        ("bob", ""),
        ("carol", "needs the role write, and yours is read"),
        ("eve", "there is no model ada/digits here that eve may read"),
        ("", "there is no model ada/digits here that anonymous may read"),
    ],
)
def test_roles(store: Store, tmp_path: Path, user: str, refusal: str) -> None:
    local = make_pushed(store, tmp_path / "digits", "v1")
    models.take(local, "v2")
    assert refusal in push_as(user, "origin", "v2", cwd=local.directory)
    assert ("refs/tags/v2" in list_refs(store.find_model("ada/digits").directory)) == (not refusal)


@pytest.mark.real_starts
def test_a_refused_push_leaves_nothing(store: Store, tmp_path: Path) -> None:
    local = make_pushed(store, tmp_path / "digits", "v1")
    objects = store.find_model("ada/digits").directory / "objects"
    before = sorted(path for path in objects.rglob("*"))
    git("tag", "lightweight", cwd=local.directory)
    git("commit", "--quiet", "--allow-empty", "-m", "more", cwd=local.directory)
    refused = push_as("ada", "--atomic", "origin", "main", "lightweight", cwd=local.directory)
    assert "ref-kind" in refused
    assert sorted(path for path in objects.rglob("*")) == before
    with store.ledger() as ledger:
        assert ledger.pending() == []


def test_an_invalid_store_yaml_refuses_every_push(store: Store, tmp_path: Path) -> None:
    local = make_pushed(store, tmp_path / "digits", "v1")
    models.take(local, "v2")
    store.config_path.write_text("owners: {ada: {member: {}}}\n")
    refused = push_as("ada", "origin", "v2", cwd=local.directory)
    assert "store.yaml:1: owners.ada.member: there is no such key; did you mean members?" in refused


def test_a_quota_is_hard(tmp_path: Path) -> None:
    config = OWNERS.replace("  ada:\n", "  ada:\n    quota: {hard: 8KiB}\n")
    store = make_store(tmp_path / "store", config)
    local = make_pushed(store, tmp_path / "digits", "v1")
    models.put(local, "initial", {"weights": os.urandom(10_000)})
    models.take(local, "v2")
    refused = push_as("ada", "origin", "v2", cwd=local.directory)
    assert "ada has" in refused
    assert "left of 8.0 KiB" in refused
    assert "refs/tags/v2" not in list_refs(store.find_model("ada/digits").directory)


def test_another_repository_s_hooks_do_not_count_as_this_store_s(store: Store, tmp_path: Path) -> None:
    """A repository that was moved out of its place keeps the hooks, and takes no pushes."""
    local = make_pushed(store, tmp_path / "digits", "v1")
    models.take(local, "v2")
    moved = store.find_model("ada/digits").directory.rename(tmp_path / "moved.git")
    refused = push_as("ada", str(moved), "v2", cwd=local.directory)
    assert "is not a repository of the store" in refused
