"""A store behind a real sshd: git and the verbs of the store, as people who have a key."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from gitstore.store.front import keys
from gitstore.store.store import Store
from tests.support import combinations, models, sshd
from tests.support.commands import fsck
from tests.support.sshd import SshServer
from tests.support.stores import list_refs, make_pushed, make_store


class Person(NamedTuple):
    """Somebody with a key: runs commands on the other side, and git."""

    server: SshServer
    name: str

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        host = self.server.make_url("").removeprefix("ssh://").partition(":")[0]
        words = [*self.server.command(self.name), "-p", str(self.server.port), host, *command]
        return subprocess.run(words, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    def git(self, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
        variables = dict(os.environ, GIT_SSH_COMMAND=" ".join(self.server.command(self.name)))
        return subprocess.run(
            ["git", *arguments], cwd=cwd, env=variables, capture_output=True, text=True, check=False
        )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return make_store(tmp_path / "store")


@pytest.fixture
def server(store: Store, tmp_path: Path) -> Iterator[SshServer]:
    """sshd, into which ada, bob, carol and eve can log in."""
    with sshd.running(tmp_path / "sshd") as server:
        for name in ("ada", "bob", "carol", "eve"):
            (store.keys_directory / f"{name}.pub").write_text(server.make_key(name) + "\n")
        keys.install(store, server.authorized_keys)
        yield server


@pytest.mark.real_starts
def test_people_push_and_fetch_by_their_roles(server: SshServer, store: Store, tmp_path: Path) -> None:
    local = make_pushed(store, tmp_path / "digits", "v1")
    models.take(local, "v2")
    url = server.make_url("ada/digits")
    refused = Person(server, "carol").git("push", url, "v2", cwd=local.directory)
    assert "carol has the role read for ada/digits; this needs write" in refused.stderr
    pushed = Person(server, "ada").git("push", url, "v2", cwd=local.directory)
    assert pushed.returncode == 0, pushed.stderr
    cloned = Person(server, "carol").git("clone", "--quiet", url, "copy", cwd=tmp_path)
    assert cloned.returncode == 0, cloned.stderr
    assert set(list_refs(tmp_path / "copy")) >= {"refs/tags/v1", "refs/tags/v2"}
    fsck(store.find_model("ada/digits").directory)


def test_a_private_model_does_not_show_that_it_exists(
    server: SshServer, store: Store, tmp_path: Path
) -> None:
    make_pushed(store, tmp_path / "digits", "v1")
    answers = [
        Person(server, "eve")
        .git("ls-remote", server.make_url(name), cwd=tmp_path)
        .stderr.replace(name, "NAME")
        for name in ("ada/digits", "ada/none")
    ]
    assert answers[0] == answers[1]
    assert "there is no model NAME here that eve may read" in answers[0]


def test_verbs_of_the_store(server: SshServer, store: Store, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "digits", "v1")
    ada, eve = Person(server, "ada"), Person(server, "eve")
    assert "ada/digits" in ada.run("list").stdout
    assert "ada/digits" not in eve.run("list").stdout
    assert ada.run("create", "ada/new").returncode == 0
    assert "eve has no role for the owner ada; this needs write" in eve.run("create", "ada/other").stderr
    assert "there is no model ada/digits here" in eve.run("rm", "--yes", "ada/digits").stderr
    assert [model.full_name for model in store.models()] == ["ada/digits", "ada/new"]


def test_aliases_move_by_role(server: SshServer, store: Store, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "digits", "v1", "v2")
    model, bob, carol = "ada/digits", Person(server, "bob"), Person(server, "carol")
    assert bob.run("alias", "set", model, "best", "v1").stderr == "best is v1 now\n"
    # ssh joins the words, and the store splits them again as a shell does
    moved = bob.run("alias", "set", model, "best", "v2", "-m", "'fewer errors; id'")
    assert moved.stderr == "best is v2 now; it was v1\n"
    refused = carol.run("alias", "rollback", model, "best")
    assert refused.stderr.startswith(f"error: carol has the role read for {model}; this needs write\n")
    assert bob.run("alias", "rollback", model, "best").stderr == "best is v1 now; it was v2\n"

    (listed,) = json.loads(carol.run("alias", "list", model, "--json").stdout)
    assert (listed["name"], listed["snapshot"], listed["move"]["author"]) == ("best", "v1", "bob <bob>")
    assert "snapshot: v1" in carol.run("alias", "show", model, "best", "--at", "2100-01-01").stdout
    messages = [
        move["message"] for move in json.loads(carol.run("alias", "log", model, "best", "--json").stdout)
    ]
    assert messages == ["Roll best back to v1", "fewer errors; id", "Set best to v1"]

    assert "bob has the role write" in bob.run("alias", "rm", model, "best").stderr
    removed = Person(server, "ada").run("alias", "rm", model, "best")
    assert removed.stderr == "Removed the alias best, which v1 had\n"
    assert "refs/aliases/best" not in list_refs(store.find_model(model).directory)


@combinations.rest
def test_snapshots_and_models_are_removed_by_role(server: SshServer, store: Store, tmp_path: Path) -> None:
    make_pushed(store, tmp_path / "digits", "v1", "v2")
    directory = store.find_model("ada/digits").directory
    ada, bob = Person(server, "ada"), Person(server, "bob")
    assert "bob has the role write for ada/digits; this needs admin" in bob.run("rm", "ada/digits@v1").stderr
    assert json.loads(ada.run("rm", "ada/digits@v1", "--dry-run", "--json").stdout)["refs"] == [
        "refs/tags/v1"
    ]
    assert {"refs/tags/v1", "refs/tags/v2"} <= list_refs(directory).keys()
    assert ada.run("rm", "--yes", "ada/digits@v1").returncode == 0
    assert list_refs(directory).keys() & {"refs/tags/v1", "refs/tags/v2"} == {"refs/tags/v2"}
    assert "ada/digits has no snapshot v1" in ada.run("rm", "--yes", "ada/digits@v1").stderr
    assert ada.run("rm", "ada/digits").returncode == 0
    assert store.models() == []


def test_nothing_else_runs(server: SshServer, tmp_path: Path) -> None:
    ada = Person(server, "ada")
    for command in ("sh", "id", f"touch {tmp_path}/x", "list; id", f"list --store {tmp_path}"):
        answer = ada.run(command)
        assert (answer.returncode, answer.stdout) == (2, "")
        assert answer.stderr.startswith("error: ")
    assert "there is no shell here" in ada.run().stderr
    assert not (tmp_path / "x").exists()
