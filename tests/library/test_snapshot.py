"""`gitstore.Snapshot`: what a script does with a snapshot."""

from __future__ import annotations

import os
import pickle
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

import gitstore
from gitstore.models.model import Model as InternalModel
from tests.support import scenes
from tests.support.commands import Fsck, Run
from tests.support.models import change, noise, picture, put, refs, user_cache


@pytest.fixture
def v1(tmp_path: Path) -> gitstore.Snapshot:
    scenes.snapshot(tmp_path)
    return gitstore.open(tmp_path / "digits").snapshot("v1")


def test_says_what_it_is(v1: gitstore.Snapshot) -> None:
    assert (v1.name, v1.model, v1.state, v1.message) == ("v1", "digits", "initial", "Snapshot v1 of digits")
    assert v1.date == datetime.fromtimestamp(1700000000, UTC)
    assert repr(v1) == "<Snapshot digits@v1>"
    assert len(v1.id) == 40
    assert v1.settings["name"] == "digits"


def test_evaluates_what_it_holds_whatever_changes(v1: gitstore.Snapshot, tmp_path: Path) -> None:
    before = v1.evaluate(values=np.array([1.0, 2.0]))["products"].tolist()
    change(InternalModel.open(tmp_path / "digits"))
    put(InternalModel.open(tmp_path / "digits"), "initial", {"factor.json": b"9"})
    pictured = refs(tmp_path / "digits"), picture(tmp_path / "digits")
    assert v1.evaluate({"values": [1.0]}, values=[1.0, 2.0])["products"].tolist() == before == [2.0, 4.0]
    assert (refs(tmp_path / "digits"), picture(tmp_path / "digits")) == pictured


def test_a_warm_snapshot_evaluates_again_and_again(v1: gitstore.Snapshot) -> None:
    with v1.warm() as warm:
        assert isinstance(warm, gitstore.WarmSnapshot)
        for values in ([1.0, 2.0], [3.0]):
            assert warm.evaluate(values=values)["products"].tolist() == [2 * value for value in values]
        with pytest.raises(gitstore.InvalidInput):
            warm.evaluate(other=[1.0])
        assert warm.evaluate({"values": [4.0]}).durations.keys() == {"evaluate", "total"}
    with pytest.raises(gitstore.LauncherTerminated):
        warm.evaluate(values=[1.0])


def test_state_path_is_read_only_and_that_of_the_cache(v1: gitstore.Snapshot) -> None:
    numbers: list[int] = []
    with v1.state_path(progress=numbers.append) as path:
        assert (path / "weights").read_bytes() == bytes(range(8))
        assert not (path / "weights").stat().st_mode & 0o222
        assert path.is_relative_to(user_cache().directory)
        assert user_cache().clear().in_use == 1, "nothing removes it meanwhile"
    assert numbers == [8]
    with v1.state_path(progress=numbers.append) as again:
        assert again == path
    assert numbers == [8]


def test_state_path_follows_the_user_s_configuration(v1: gitstore.Snapshot, tmp_path: Path) -> None:
    with open(os.environ["GIT_CONFIG_GLOBAL"], "a") as file:
        file.write(f"[gitstore]\n\tcacheDir = {tmp_path / 'other'}\n")
    with v1.state_path() as path:
        assert path.is_relative_to(tmp_path / "other")


def test_state_path_joins_large_files(model: InternalModel) -> None:
    put(model, "initial", {"large": noise(5_000_000)})
    snapshot = gitstore.open(model.directory).take_snapshot("v1")
    with snapshot.state_path() as path:
        assert (path / "large").read_bytes() == noise(5_000_000)


class TestDeriving:
    def test_a_worktree_beside_the_root_model(
        self, v1: gitstore.Snapshot, tmp_path: Path, fsck: Fsck
    ) -> None:
        dogs = v1.derive("dogs")
        assert dogs == gitstore.open(tmp_path / "dogs")
        assert [state.size for state in dogs.states()] == [8]
        assert (tmp_path / "dogs" / ".git").is_file()
        fsck(dogs.directory)

    def test_a_repository_of_its_own_where_one_stands(
        self, v1: gitstore.Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fsck: Fsck
    ) -> None:
        monkeypatch.chdir(tmp_path)
        dogs = v1.derive("dogs", "kennel", reference=True, state=None)
        assert dogs.directory == tmp_path / "kennel"
        assert dogs.states()[0].size == 0
        assert (tmp_path / "kennel" / ".git").is_dir()
        fsck(dogs.directory)

    def test_with_a_state_from_elsewhere(self, v1: gitstore.Snapshot, tmp_path: Path) -> None:
        (tmp_path / "weights").write_bytes(b"123")
        numbers: list[int] = []
        dogs = v1.derive("dogs", state=tmp_path / "weights", progress=numbers.append)
        assert [state.size for state in dogs.states()] == [3]
        assert sum(numbers) == 3

    def test_refusals(self, v1: gitstore.Snapshot, tmp_path: Path) -> None:
        before = refs(tmp_path / "digits"), picture(tmp_path)
        with pytest.raises(gitstore.InvalidName):
            v1.derive("do gs")
        with pytest.raises(gitstore.GitstoreError) as caught:
            v1.derive("dogs", tmp_path / "digits")
        assert caught.value.hint
        with pytest.raises(gitstore.GitstoreError):
            v1.derive("dogs", state=tmp_path / "nothing")
        assert (refs(tmp_path / "digits"), picture(tmp_path)) == before


def test_is_sent_to_another_process_and_is_a_key(v1: gitstore.Snapshot) -> None:
    sent = pickle.loads(pickle.dumps(v1))
    assert {v1: 1}[sent] == 1
    assert sent.evaluate(values=[1.0])["products"].tolist() == [2.0]


@pytest.mark.parametrize("gone", ["removed", "renamed", "repository"])
def test_one_that_is_gone_says_so(v1: gitstore.Snapshot, tmp_path: Path, run: Run, gone: str) -> None:
    if gone == "removed":
        run("rm", "v1", cwd=tmp_path / "digits")
    elif gone == "renamed":
        run("rename", "v1", "v2", cwd=tmp_path / "digits")
    else:
        (tmp_path / "digits").rename(tmp_path / "moved")
    expected = gitstore.NotAModel if gone == "repository" else gitstore.NoSuchSnapshot
    for call in (lambda: v1.evaluate(values=[1.0]), lambda: v1.settings, lambda: v1.derive("dogs")):
        with pytest.raises(expected) as caught:
            call()
        assert caught.value.hint
    with pytest.raises(expected), v1.state_path():
        pass
