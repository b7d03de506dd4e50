"""Snapshots are siblings: of one that shares weights with what is here, only the rest is fetched."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from gitstore.models.model import Model
from gitstore.states.save import save_state
from gitstore.transfer.provide import Weights
from gitstore.transfer.wanted import Selection
from tests.support.commands import Fsck, git
from tests.support.content import MIB
from tests.support.models import noise, put, take
from tests.support.sharing import connect, fetch, make_bare, make_clone, send


@pytest.fixture
def model(model: Model, tmp_path: Path) -> Model:
    """A model that was pushed with a snapshot of two files."""
    connected = connect(model, f"file://{make_bare(tmp_path / 'origin.git')}")
    put(connected, "initial", {"a": noise(MIB), "b": noise(MIB, 2)})
    take(connected, "v1")
    send(connected)
    return connected


@pytest.fixture
def copy(model: Model, tmp_path: Path) -> Model:
    return make_clone(f"file://{tmp_path}/origin.git", tmp_path / "copy", Weights.ALL)


def measure(model: Model) -> int:
    """The bytes of all packs. A thin pack brings small objects again, which its deltas are based on."""
    packs = (model.repository.common / "objects" / "pack").glob("*.pack")
    return sum(path.stat().st_size for path in packs)


def change_one_file(model: Model) -> None:
    put(model, "initial", {"a": noise(MIB), "b": noise(MIB, 3)})
    take(model, "v2")
    send(model)


def check(model: Model, copy: Model, fsck: Fsck) -> None:
    """What the new snapshot shares was not fetched again, and nothing is lacking."""
    assert 3 * MIB < measure(copy) < 3 * MIB + 10_000
    assert git("rev-parse", "v2^{}", cwd=copy.directory) == git("rev-parse", "v2^{}", cwd=model.directory)
    fsck(copy.directory)
    assert not (copy.repository.common / "shallow").exists()


def test_of_a_new_snapshot_the_rest_travels(model: Model, copy: Model, fsck: Fsck) -> None:
    change_one_file(model)
    assert [snapshot.name for snapshot in fetch(copy).snapshots] == ["v2"]
    check(model, copy, fsck)


def test_a_saved_state_comes_with_a_clone_once(model: Model, tmp_path: Path, fsck: Fsck) -> None:
    save_state(model, "initial")
    send(model, Selection(all_states=True))
    copy = make_clone(f"file://{tmp_path}/origin.git", tmp_path / "copy")
    assert 2 * MIB < measure(copy) < 2 * MIB + 10_000
    fsck(copy.directory)


HOST = """\
#!{python}
import os, subprocess, sys
with subprocess.Popen(["git-upload-pack", *sys.argv[1:]], stdout=subprocess.PIPE) as git:
    while block := os.read(git.stdout.fileno(), 65536):
        os.write(1, block.replace(b" shallow ", b" unknown "))
"""
"""A server of git's first protocol that does not say that it takes shallow clients."""


def test_a_host_without_shallow_clients_sends_more(model: Model, copy: Model, tmp_path: Path) -> None:
    host = tmp_path / "host"
    host.write_text(HOST.format(python=sys.executable))
    host.chmod(0o755)
    git("config", "remote.origin.uploadpack", str(host), cwd=copy.directory)
    git("config", "protocol.version", "0", cwd=copy.directory)
    change_one_file(model)
    assert [snapshot.name for snapshot in fetch(copy).snapshots] == ["v2"]


def test_a_shallow_clone_stays_one(model: Model, tmp_path: Path) -> None:
    change_one_file(model)
    git("commit", "--allow-empty", "--quiet", "-m", "more", cwd=model.directory)
    send(model)
    git("clone", "--quiet", "--depth=1", f"file://{tmp_path}/origin.git", "copy", cwd=tmp_path)
    copy = Model.open(tmp_path / "copy")
    before = (copy.repository.common / "shallow").read_text()
    assert [snapshot.name for snapshot in fetch(copy).snapshots] == ["v1", "v2"]
    assert (copy.repository.common / "shallow").read_text() == before
