"""Pulling: what is fetched, what moves, and what is left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import GitstoreError
from gitstore.models import snapshot, state
from gitstore.models.model import Model
from gitstore.states.materialize import materialize
from gitstore.states.save import save_state
from gitstore.transfer.pull import Pulled, PullSelection, check, prepare
from gitstore.transfer.remotes import Conflicting, find_remote
from gitstore.transfer.wanted import Selection
from tests.support.commands import Fsck, git
from tests.support.counting import list_reads
from tests.support.many import add_snapshots
from tests.support.models import again, change, put, take
from tests.support.sharing import connect, fetch, make_bare, make_clone, send
from tests.support.tracing import list_git_commands

STATES = Selection(all_states=True)
ALL_STATES = PullSelection(all_states=True)


@pytest.fixture
def model(model: Model, tmp_path: Path) -> Model:
    """A model that was pushed with a snapshot and a state."""
    connected = connect(model, make_bare(tmp_path / "origin.git"))
    take(connected, "v1")
    save_state(connected, "initial")
    send(connected, STATES)
    return again(connected)


@pytest.fixture
def copy(model: Model, tmp_path: Path) -> Model:
    """A clone of what was pushed."""
    return make_clone(tmp_path / "origin.git", tmp_path / "copy")


def names(model: Model) -> list[str]:
    return [one.name for one in snapshot.read_own_snapshots(again(model))]


def saved(model: Model, name: str = "initial") -> str:
    return str(again(model).repository.refs.get(f"refs/states/{name}"))


def conflicts(model: Model, pulled: Pulled) -> str:
    fresh = again(model)
    remote = find_remote(fresh.repository, None, directory=fresh.directory)
    with pytest.raises(Conflicting) as caught:
        check(prepare(fresh, remote, PullSelection()), pulled)
    return caught.value.message


def update_state(model: Model, content: bytes, name: str = "initial") -> None:
    put(model, name, {"weights": content})
    save_state(again(model), name)


def test_nothing_new_of_many(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many snapshots there are, none is read, and the refs of each side once."""
    (v1,) = snapshot.read_own_snapshots(again(model))
    add_snapshots(v1, 20)
    send(model)
    copy = make_clone(f"file://{tmp_path}/origin.git", tmp_path / "copy")
    with list_git_commands(tmp_path / "trace", monkeypatch) as commands, list_reads(monkeypatch) as reads:
        pulled = fetch(copy)
    assert pulled.snapshots == []
    assert commands == ["config", "ls-remote", "upload-pack"]
    assert len(reads) <= 3  # of the branch: the commit, its tree and settings.yaml


def test_nothing_new(copy: Model) -> None:
    pulled = fetch(copy)
    assert (pulled.plan.fetched, pulled.snapshots, pulled.states, pulled.branch) == ((), [], [], None)


def test_new_snapshots_and_commits(model: Model, copy: Model, fsck: Fsck) -> None:
    change(model)
    taken = take(model, "v2")
    git("tag", "-m", "no snapshot", "plain", cwd=model.directory)
    send(model)
    git("push", "--quiet", "origin", "plain", cwd=model.directory)
    pulled = fetch(copy)
    assert [one.tag_oid for one in pulled.snapshots] == [taken.tag_oid]
    assert names(copy) == ["v1", "v2"]
    assert again(copy).head == again(model).head
    assert "RATE = 3.0" in (copy.directory / "code" / "model.py").read_text()
    assert git("status", "--porcelain", cwd=copy.directory) == ""
    assert git("rev-parse", "origin/main", cwd=copy.directory).strip() == str(again(model).head)
    assert git("cat-file", "-t", "plain", cwd=copy.directory).strip() == "tag"
    fsck(copy.repository)


def test_named_snapshots_alone(model: Model, copy: Model) -> None:
    change(model)
    take(model, "v2")
    take(model, "v3")
    send(model)
    head = copy.head
    fetch(copy, PullSelection(("v3",)))
    assert names(copy) == ["v1", "v3"]
    assert again(copy).head == head


@pytest.mark.parametrize("selection", [PullSelection(("v9",)), PullSelection(states=("nothing",))])
def test_what_does_not_exist(copy: Model, selection: PullSelection) -> None:
    with pytest.raises(GitstoreError, match=r"there is no (snapshot v9|state nothing) in origin"):
        fetch(copy, selection)


class TestStates:
    def test_one_that_is_not_here_stays_there(self, model: Model, copy: Model) -> None:
        update_state(model, b"night", "night")
        send(model, STATES)
        assert fetch(copy).states == []
        assert fetch(copy, PullSelection(states=("night",))).states == ["night"]
        assert saved(copy, "night") == saved(model, "night")

    def test_one_that_moved_there(self, model: Model, copy: Model) -> None:
        update_state(model, b"more")
        send(model, STATES)
        assert fetch(copy).states == ["initial"]
        assert saved(copy) == saved(model)
        assert state.find_directory(again(copy), "initial") is None

    def test_its_files_on_disk_follow(self, model: Model, copy: Model) -> None:
        path = materialize(copy, "initial")
        update_state(model, b"more")
        send(model, STATES)
        fetch(copy)
        assert (path / "weights").read_bytes() == b"more"

    def test_unsaved_changes_stay(self, model: Model, copy: Model) -> None:
        path, before = materialize(copy, "initial"), saved(copy)
        (path / "weights").write_bytes(b"mine")
        update_state(model, b"more")
        take(model, "v2")
        send(model, STATES)
        pulled = fetch(copy)
        assert (pulled.kept, pulled.states) == (["initial"], [])
        assert (path / "weights").read_bytes() == b"mine"
        assert saved(copy) == before
        assert names(copy) == ["v1", "v2"]

    def test_one_that_moved_on_both_sides(self, model: Model, copy: Model) -> None:
        update_state(model, b"more")
        send(model, STATES)
        update_state(copy, b"mine")
        before = saved(copy)
        pulled = fetch(copy)
        assert "the state initial moved here and in origin" in conflicts(copy, pulled)
        assert saved(copy) == before

    def test_one_that_moved_here_is_pushed_next(self, model: Model, copy: Model) -> None:
        update_state(copy, b"mine")
        pulled = fetch(copy)
        assert [pair.ref for pair in pulled.plan.ahead] == ["refs/states/initial"]
        send(copy, STATES)
        assert fetch(model).states == ["initial"]
        assert saved(copy) == saved(model)


class TestConflicts:
    def test_another_snapshot_of_the_name(self, model: Model, copy: Model) -> None:
        change(copy)
        ours = take(copy, "v2")
        take(model, "v2")
        take(model, "v3")
        send(model)
        pulled = fetch(copy)
        assert "v2 is another snapshot in origin" in conflicts(copy, pulled)
        assert again(copy).repository.refs.get("refs/tags/v2") == ours.tag_oid
        assert names(copy) == ["v1", "v2", "v3"]

    def test_a_branch_that_has_diverged(self, model: Model, copy: Model) -> None:
        change(model)
        send(model)
        change(copy, new="RATE = 4.0")
        head = again(copy).head
        pulled = fetch(copy)
        assert "the branch main has diverged" in conflicts(copy, pulled)
        assert again(copy).head == head

    def test_a_branch_that_is_ahead_here(self, copy: Model) -> None:
        change(copy)
        pulled = fetch(copy)
        assert (pulled.branch, pulled.diverged) == (None, None)

    def test_uncommitted_edits_stay(self, model: Model, copy: Model) -> None:
        change(model)
        take(model, "v2")
        send(model)
        path, head = copy.directory / "code" / "model.py", copy.head
        path.write_text("# mine\n")
        with pytest.raises(GitstoreError, match=r"cannot be moved forward: .*code/model\.py"):
            fetch(copy)
        assert path.read_text() == "# mine\n"
        assert again(copy).head == head
        assert names(copy) == ["v1", "v2"]

    def test_a_forged_snapshot_is_left_out(
        self, model: Model, copy: Model, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        message = "forged\n\nModel: digits\nState: initial\nGitstore-Format: 1\n"
        git("tag", "-m", message, "evil", "main", cwd=tmp_path / "origin.git")
        take(model, "v2")
        send(model)
        fetch(copy)
        assert names(copy) == ["v1", "v2"]
        assert "evil was not fetched from origin" in caplog.text
