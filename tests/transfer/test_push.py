"""Pushing: what moves, what travels, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import GitstoreError, NoSuchState
from gitstore.models.model import Model
from gitstore.states.save import save_state
from gitstore.transfer import push
from gitstore.transfer.push import TravelSize
from gitstore.transfer.remotes import Conflicting
from gitstore.transfer.wanted import Selection
from gitstore.transfer.wire import PushRefused
from tests.support.commands import Fsck, git
from tests.support.counting import list_reads
from tests.support.many import add_snapshots
from tests.support.models import again, change, noise, put, take
from tests.support.sharing import connect, list_objects, make_bare, prepare_push, send
from tests.support.tracing import list_git_commands


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    return make_bare(tmp_path / "origin.git")


@pytest.fixture
def model(model: Model, bare: Path) -> Model:
    return connect(model, bare)


def refs(directory: Path) -> dict[str, str]:
    lines = git("for-each-ref", "--format=%(refname) %(objectname)", cwd=directory).splitlines()
    return dict(line.split() for line in lines)


class TestWhatMoves:
    def test_the_branch_and_the_snapshots(self, model: Model, bare: Path, fsck: Fsck) -> None:
        v1, v2 = take(model, "v1"), take(model, "v2")
        save_state(model, "initial")
        git("tag", "plain", cwd=model.directory)
        send(model)
        assert refs(bare) == {
            "refs/heads/main": str(model.head),
            "refs/tags/v1": str(v1.tag_oid),
            "refs/tags/v2": str(v2.tag_oid),
        }
        fsck(bare)
        fsck(model.repository)
        assert git("rev-parse", "--abbrev-ref", "@{upstream}", cwd=model.directory).strip() == "origin/main"

    def test_named_snapshots_alone(self, model: Model, bare: Path) -> None:
        v1 = take(model, "v1")
        take(model, "v2")
        send(model, Selection((v1,)))
        assert refs(bare) == {"refs/tags/v1": str(v1.tag_oid)}

    def test_states_if_asked_for(self, model: Model, bare: Path) -> None:
        save_state(model, "initial")
        put(model, "night", {"weights": b"night"})
        save_state(model, "night")
        send(model, Selection(states=("night",)))
        assert {ref for ref in refs(bare) if "states" in ref} == {"refs/states/night"}
        send(model, Selection(all_states=True))
        assert {ref for ref in refs(bare) if "states" in ref} == {"refs/states/night", "refs/states/initial"}

    def test_a_state_that_is_not_saved(self, model: Model, bare: Path) -> None:
        with pytest.raises(NoSuchState):
            send(model, Selection(states=("night",)))
        assert refs(bare) == {}

    def test_nothing_new(self, model: Model) -> None:
        take(model, "v1")
        send(model)
        prepared = send(model)
        assert (prepared.plan.updates, prepared.size) == ((), TravelSize(0, 0))

    def test_nothing_new_of_many(self, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """However many snapshots there are, none is read, and the refs of each side once."""
        v1 = take(model, "v1")
        add_snapshots(v1, 20)
        send(model)
        with list_git_commands(tmp_path / "trace", monkeypatch) as commands, list_reads(monkeypatch) as reads:
            send(model)
        assert commands == ["config", "ls-remote", "upload-pack"]
        assert len(reads) <= 3  # of the branch: the commit, its tree and settings.yaml

    def test_new_commits_and_snapshots(self, model: Model, bare: Path) -> None:
        take(model, "v1")
        send(model)
        change(model)
        v2 = take(model, "v2")
        send(model)
        assert refs(bare)["refs/heads/main"] == str(again(model).head)
        assert refs(bare)["refs/tags/v2"] == str(v2.tag_oid)

    def test_a_state_moves_there(self, model: Model, bare: Path) -> None:
        save_state(model, "initial")
        send(model, Selection(all_states=True))
        put(model, "initial", {"weights": b"more"})
        save_state(again(model), "initial")
        send(model, Selection(all_states=True))
        assert refs(bare)["refs/states/initial"] == str(
            again(model).repository.refs.get("refs/states/initial")
        )

    def test_detached_head_sends_snapshots(self, model: Model, bare: Path) -> None:
        take(model, "v1")
        git("checkout", "--quiet", "--detach", cwd=model.directory)
        send(model)
        assert refs(bare).keys() == {"refs/tags/v1"}


class TestConflicts:
    def test_another_snapshot_of_the_name_is_left_and_the_rest_travels(
        self, model: Model, bare: Path
    ) -> None:
        take(model, "v1")
        send(model)
        git("tag", "--force", "-m", "theirs", "v2", "refs/heads/main", cwd=bare)
        theirs = refs(bare)["refs/tags/v2"]
        v2, v3 = take(model, "v2"), take(model, "v3")
        prepared = send(model)
        assert [conflict.wanted.name for conflict in prepared.plan.conflicts] == ["v2"]
        assert refs(bare)["refs/tags/v2"] == theirs
        assert refs(bare)["refs/tags/v3"] == str(v3.tag_oid)
        with pytest.raises(Conflicting, match="v2 is another snapshot in origin"):
            prepared.check_all()
        with pytest.raises(Conflicting):
            send(model, Selection((v2,)))

    def test_a_branch_with_other_commits_there(self, model: Model, bare: Path, tmp_path: Path) -> None:
        send(model)
        git("clone", "--quiet", str(bare), str(tmp_path / "other"), cwd=tmp_path)
        git("commit", "--quiet", "--allow-empty", "-m", "theirs", cwd=tmp_path / "other")
        git("push", "--quiet", cwd=tmp_path / "other")
        theirs = refs(bare)["refs/heads/main"]
        change(model)
        prepared = send(model)
        with pytest.raises(Conflicting, match="diverged"):
            prepared.check_all()
        assert refs(bare)["refs/heads/main"] == theirs

    def test_a_state_that_somebody_else_moved(self, model: Model, bare: Path) -> None:
        save_state(model, "initial")
        send(model, Selection(all_states=True))
        git("update-ref", "refs/states/initial", "refs/heads/main", cwd=bare)
        put(model, "initial", {"weights": b"ours"})
        save_state(again(model), "initial")
        with pytest.raises(Conflicting, match="the state initial has moved"):
            send(model, Selection(states=("initial",)))

    def test_a_ref_that_moves_between_plan_and_push(self, model: Model, bare: Path) -> None:
        save_state(model, "initial")
        send(model, Selection(all_states=True))
        put(model, "initial", {"weights": b"ours"})
        save_state(again(model), "initial")
        take(model, "v1")
        prepared = prepare_push(model, Selection(all_states=True))
        git("update-ref", "refs/states/initial", "refs/heads/main", cwd=bare)
        before = refs(bare)
        with pytest.raises(PushRefused, match="stale info"):
            push.push(prepared)
        assert refs(bare) == before


class TestWhatTravels:
    def test_only_what_the_other_side_lacks(self, model: Model, bare: Path) -> None:
        put(model, "initial", {"big": noise(3_000_000), "small": b"1"})
        take(model, "v1")
        send(model)
        before = list_objects(bare)
        put(model, "initial", {"small": b"2"})
        take(model, "v2")
        prepared = send(model)
        assert len(list_objects(bare) - before) == prepared.size.objects == 5  # tag, commit, 2 trees, a blob
        assert prepared.size.size < 2000
        log = (bare / "objects" / "pack").glob("*.pack")
        assert sum(path.stat().st_size for path in log) < 3_010_000

    def test_a_dry_run_sends_nothing(self, model: Model, bare: Path) -> None:
        take(model, "v1")
        prepared = prepare_push(model)
        assert prepared.size.objects > 0
        assert (refs(bare), list_objects(bare)) == ({}, set())

    def test_hooks_of_git_decide_too(
        self, model: Model, bare: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        take(model, "v1")
        hook = bare / "hooks" / "pre-receive"
        hook.write_text("#!/bin/sh\necho 'not on a Friday' >&2\nexit 1\n")
        hook.chmod(0o755)
        caplog.set_level("INFO", "gitstore")
        with pytest.raises(PushRefused, match="pre-receive hook declined"):
            send(model)
        assert "remote: not on a Friday" in caplog.messages
        assert refs(bare) == {}
        hook.unlink()
        own = model.repository.common / "hooks" / "pre-push"
        own.parent.mkdir(exist_ok=True)
        own.write_text("#!/bin/sh\necho 'tests fail' >&2\nexit 1\n")
        own.chmod(0o755)
        with pytest.raises(GitstoreError, match="git refused the push: tests fail"):
            send(model)
        assert refs(bare) == {}

    def test_nothing_moves_if_one_ref_is_refused(self, model: Model, bare: Path) -> None:
        take(model, "v1")
        hook = bare / "hooks" / "update"
        hook.write_text('#!/bin/sh\ntest "$1" != refs/tags/v1\n')
        hook.chmod(0o755)
        with pytest.raises(PushRefused, match="refs/tags/v1: hook declined"):
            send(model)
        assert refs(bare) == {}


class TestRemotes:
    def test_there_is_none(self, model: Model) -> None:
        git("remote", "remove", "origin", cwd=model.directory)
        with pytest.raises(GitstoreError, match="there is no remote to use"):
            send(model)

    def test_several(self, model: Model) -> None:
        git("remote", "rename", "origin", "one", cwd=model.directory)
        git("remote", "add", "two", "/nowhere", cwd=model.directory)
        with pytest.raises(GitstoreError, match="several remotes: one, two"):
            send(model)

    def test_a_url_to_push_to(self, model: Model, bare: Path, tmp_path: Path) -> None:
        take(model, "v1")
        other = make_bare(tmp_path / "other.git")
        git("remote", "set-url", "--push", "origin", str(other), cwd=model.directory)
        send(model)
        assert refs(bare) == {}
        assert "refs/tags/v1" in refs(other)

    def test_one_that_does_not_answer(self, model: Model) -> None:
        git("remote", "set-url", "origin", "/nowhere", cwd=model.directory)
        with pytest.raises(
            GitstoreError, match="origin cannot be reached: '/nowhere' does not appear"
        ) as caught:
            send(model)
        assert "\n" not in caught.value.message
