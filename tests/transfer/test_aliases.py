"""Aliases between repositories: they move forward, with the snapshots that have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.aliases.move import set_alias
from gitstore.aliases.write_move import Reason
from gitstore.models.alias import list_aliases, list_moves
from gitstore.models.model import Model
from gitstore.models.snapshot import read_own_snapshots
from gitstore.transfer.pull import PullSelection, check, prepare
from gitstore.transfer.remotes import Conflicting, find_remote
from gitstore.transfer.wanted import Selection
from tests.support.commands import Fsck, Run, git
from tests.support.models import again, take
from tests.support.sharing import connect, fetch, make_bare, make_clone, send

ALIASES = Selection(all_aliases=True)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return make_bare(tmp_path / "origin.git")


@pytest.fixture
def model(model: Model, bare: Path) -> Model:
    """A model with v1, which is in production, and v2."""
    connected = connect(model, bare)
    take(connected, "v1")
    take(connected, "v2")
    move(connected, "v1")
    return again(connected)


def move(model: Model, snapshot: str, name: str = "production") -> None:
    fresh = again(model)
    (target,) = [one for one in read_own_snapshots(fresh) if one.name == snapshot]
    set_alias(fresh, name, target, reason=Reason(f"{snapshot} is good"))


def moves(model: Model) -> dict[str, list[str]]:
    """The snapshots that each alias had, the last one first."""
    fresh = again(model)
    return {
        alias.name: [one.new.snapshot for one in list_moves(fresh.repository, alias)]
        for alias in list_aliases(fresh)
    }


def test_only_if_asked_for(model: Model, bare: Path) -> None:
    send(model)
    assert git("for-each-ref", "refs/aliases", cwd=bare) == ""
    send(model, ALIASES)
    assert git("for-each-ref", "--format=%(refname)", "refs/aliases", cwd=bare) == "refs/aliases/production\n"


def test_there_and_back(model: Model, bare: Path, tmp_path: Path, fsck: Fsck) -> None:
    send(model, ALIASES)
    copy = make_clone(bare, tmp_path / "copy")
    assert moves(copy) == {"production": ["v1"]}
    move(copy, "v2")
    send(copy, ALIASES)
    assert fetch(model).aliases == ["production"]
    assert moves(model) == moves(copy) == {"production": ["v2", "v1"]}
    assert send(model, ALIASES).plan.updates == ()
    assert fetch(model).aliases == []
    fsck(bare)


def test_one_that_is_behind_here_stays_there(model: Model, bare: Path, tmp_path: Path) -> None:
    send(model, ALIASES)
    copy = make_clone(bare, tmp_path / "copy")
    move(copy, "v2")
    send(copy, ALIASES)
    before = git("rev-parse", "refs/aliases/production", cwd=bare)
    assert send(model, ALIASES).plan.updates == ()
    assert git("rev-parse", "refs/aliases/production", cwd=bare) == before


def test_a_snapshot_that_has_one_goes_with_it(model: Model, bare: Path) -> None:
    (v2,) = [one for one in read_own_snapshots(again(model)) if one.name == "v2"]
    send(model, Selection((v2,), all_aliases=True))
    tags = git("for-each-ref", "--format=%(refname)", "refs/tags", cwd=bare)
    assert tags.split() == ["refs/tags/v1", "refs/tags/v2"]


def test_one_that_moved_on_both_sides(model: Model, bare: Path, tmp_path: Path) -> None:
    send(model, ALIASES)
    copy = make_clone(bare, tmp_path / "copy")
    move(copy, "v2")
    send(copy, ALIASES)
    take(model, "v3")
    move(model, "v3")
    prepared = send(model, ALIASES)
    with pytest.raises(Conflicting, match="the alias production moved here"):
        prepared.check_all()
    pulled = fetch(model)
    assert pulled.diverged_aliases == ["production"]
    fresh = again(model)
    remote = find_remote(fresh.repository, None, directory=fresh.directory)
    with pytest.raises(Conflicting, match="the alias production moved here and in origin"):
        check(prepare(fresh, remote, PullSelection()), pulled)
    assert moves(model) == {"production": ["v3", "v1"]}
    assert git("rev-parse", "refs/tags/v3", cwd=bare)


def test_one_that_is_none_is_left_out(
    model: Model, bare: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    send(model)
    git("update-ref", "refs/aliases/production", "refs/heads/main", cwd=bare)
    copy = make_clone(bare, tmp_path / "copy")
    assert moves(copy) == {}
    assert "production was not fetched from origin" in caplog.text


def test_a_remote_s_alias_is_a_reference(model: Model, bare: Path, tmp_path: Path, run: Run) -> None:
    git("remote", "set-url", "origin", f"file://{bare}", cwd=model.directory)
    send(model, ALIASES)
    outcome = run("show", "origin:production", "--json", cwd=model.directory)
    assert outcome.code == 0
    assert '"name": "v1"' in outcome.stdout
