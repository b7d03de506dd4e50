"""Cloning: whole and partial, what comes at once, and what is fetched when it is needed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gitstore.errors import GitstoreError, NotAModel
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.states.save import save_state
from gitstore.transfer.clone import clone, name_directory
from gitstore.transfer.provide import Weights
from gitstore.transfer.wanted import Selection
from tests.support import combinations
from tests.support.commands import Fsck, Gitstore, Run, git, parsed
from tests.support.models import change, existing_repository, noise, picture, put, take
from tests.support.sharing import connect, fetch, list_objects, make_bare, make_clone, send
from tests.support.tracing import list_git_commands

WEIGHTS = 5_000_000


@pytest.fixture
def origin(model: Model, tmp_path: Path) -> Path:
    """What was pushed: two snapshots whose weights share nothing, and a state."""
    connected = connect(model, make_bare(tmp_path / "origin.git", partial=True))
    put(connected, "initial", {"big": noise(WEIGHTS), "small": b"1"})
    take(connected, "v1")
    put(connected, "initial", {"big": noise(WEIGHTS, 2)})
    take(connected, "v2")
    save_state(connected, "initial")
    send(connected, Selection(all_states=True))
    return tmp_path / "origin.git"


def size(model: Model) -> int:
    return sum(path.stat().st_size for path in model.repository.common.rglob("*.pack"))


class TestPartial:
    def test_weights_stay_until_they_are_needed(self, origin: Path, tmp_path: Path, run: Run) -> None:
        copy = make_clone(f"file://{origin}", tmp_path / "copy")
        assert copy.repository.objects.is_partial
        for command in (
            ["list"], ["show", "v1"], ["log"], ["state", "list"], ["status"], ["usage"], ["gc"],
            ["diff", "v1", "v1"], ["settings", "show"], ["models"], ["rename", "v2", "v3"],
        ):  # fmt: skip
            outcome = run(*command, cwd=copy.directory)
            assert outcome.code == 0, outcome
        git("checkout", "--quiet", "v1", cwd=copy.directory)
        assert not (copy.directory / "state").exists()
        assert size(copy) < 100_000

    def test_each_command_fetches_what_it_needs(self, origin: Path, tmp_path: Path, run: Run) -> None:
        copy = make_clone(f"file://{origin}", tmp_path / "copy")
        assert run("export", "v1", "out", cwd=copy.directory).code == 0
        assert (copy.directory / "out" / "state" / "big").read_bytes() == noise(WEIGHTS)
        assert WEIGHTS < size(copy) < 1.1 * WEIGHTS
        path = run("state", "path", cwd=copy.directory).stdout.strip()
        assert (copy.directory / path / "big").read_bytes() == noise(WEIGHTS, 2)
        assert run("verify", "--all", cwd=copy.directory).code == 0

    @combinations.sample(2)
    @pytest.mark.parametrize(
        "command", [["verify", "v1"], ["diff", "v1", "v2"], ["get", "v1"], ["get", "--all"]]
    )
    def test_in_one_batch(self, origin: Path, tmp_path: Path, run: Run, command: list[str]) -> None:
        copy = make_clone(f"file://{origin}", tmp_path / "copy")
        before = len(list(copy.repository.common.rglob("*.pack")))
        assert run(*command, cwd=copy.directory).code == 0
        assert len(list(copy.repository.common.rglob("*.pack"))) == before + 1

    def test_evaluate(self, origin: Path, tmp_path: Path, run: Run) -> None:
        copy = make_clone(f"file://{origin}", tmp_path / "copy")
        outcome = run("evaluate", "v1", "-p", "values=[1, 2]", cwd=copy.directory)
        assert parsed(outcome) == {"products": [2.0, 4.0]}

    def test_get_counts_what_it_fetched(self, origin: Path, tmp_path: Path, run: Run) -> None:
        copy = make_clone(f"file://{origin}", tmp_path / "copy")
        fetched = parsed(run("get", "v1", "--json", cwd=copy.directory))["objects"]
        assert fetched >= 5
        assert parsed(run("get", "v1", "--json", cwd=copy.directory)) == {"objects": 0}

    def test_without_the_remote(self, origin: Path, tmp_path: Path, run: Run) -> None:
        copy = make_clone(f"file://{origin}", tmp_path / "copy")
        shutil.rmtree(origin)
        assert run("list", cwd=copy.directory).code == 0
        outcome = run("export", "v1", "out", cwd=copy.directory)
        assert outcome.code == 1
        assert outcome.stderr.startswith("error: this partial clone lacks ")
        assert "run the same command again when it can be reached" in outcome.stderr
        assert not (copy.directory / "out").exists()

    def test_new_snapshots_are_taken_and_pushed(self, origin: Path, tmp_path: Path, run: Run) -> None:
        copy = make_clone(f"file://{origin}", tmp_path / "copy")
        change(copy)
        before = list_objects(origin)
        assert run("snapshot", "v3", cwd=copy.directory).code == 0
        assert run("push", cwd=copy.directory).code == 0
        assert size(copy) < 100_000
        assert len(list_objects(origin) - before) < 12
        assert run("verify", "v3", cwd=origin).code == 0

    def test_models_are_derived_from_it(self, origin: Path, tmp_path: Path, run: Run, fsck: Fsck) -> None:
        copy = make_clone(f"file://{origin}", tmp_path / "copy")
        assert run("derive", "v1", "dogs", cwd=copy.directory).code == 0
        assert size(copy) < 100_000
        assert run("derive", "v1", "cats", "../cats", "--reference", cwd=copy.directory).code == 0
        shutil.rmtree(copy.directory)
        shutil.rmtree(origin)
        fsck(tmp_path / "cats")
        assert run("verify", "--all", cwd=tmp_path / "cats").code == 0

    @pytest.mark.parametrize(("weights", "expected"), [("active", WEIGHTS), ("all", 2 * WEIGHTS)])
    def test_weights_at_once(self, origin: Path, tmp_path: Path, weights: str, expected: int) -> None:
        copy = make_clone(f"file://{origin}", tmp_path / "copy", Weights(weights))
        assert expected < size(copy) < 1.1 * expected


class TestWhole:
    def test_a_server_without_filters(self, origin: Path, tmp_path: Path, run: Run, fsck: Fsck) -> None:
        git("config", "uploadpack.allowFilter", "false", cwd=origin)
        copy = make_clone(f"file://{origin}", tmp_path / "copy")
        assert not copy.repository.objects.is_partial
        configuration = git("config", "--list", "--local", cwd=copy.directory).lower()
        assert not any(word in configuration for word in ("promisor", "partial", "sparse"))
        shutil.rmtree(origin)
        assert run("verify", "--all", cwd=copy.directory).code == 0
        fsck(copy.repository)

    @pytest.mark.parametrize("count", ["2", *combinations.more([["1"]])])
    def test_all_weights_at_once(
        self, model: Model, origin: Path, tmp_path: Path, run: Run, fsck: Fsck, count: str
    ) -> None:
        """Nothing depends on the remote then, and a pull brings the weights of new snapshots, too."""
        git("config", "--global", "gitstore.connections", count, cwd=tmp_path)
        copy = make_clone(f"file://{origin}", tmp_path / "copy", Weights.ALL)
        assert not copy.repository.objects.is_partial
        configuration = git("config", "--list", "--local", cwd=copy.directory).lower()
        assert not any(word in configuration for word in ("promisor", "partial", "sparse"))
        put(model, "initial", {"big": noise(WEIGHTS, 3)})
        take(model, "v3")
        send(model)
        assert [snapshot.name for snapshot in fetch(copy).snapshots] == ["v3"]
        shutil.rmtree(origin)
        assert run("verify", "--all", cwd=copy.directory).code == 0
        git("gc", "--quiet", "--prune=now", cwd=copy.directory)
        fsck(copy.repository)

    def test_it_is_as_git_clones_with_few_processes(
        self, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each process takes as long as megabytes on the wire."""
        git("config", "uploadpack.allowFilter", "false", cwd=origin)
        git("update-ref", "-d", "refs/states/initial", cwd=origin)
        monkeypatch.delenv("GIT_COMMITTER_DATE")
        with list_git_commands(tmp_path / "trace", monkeypatch) as commands:
            copy = make_clone(f"file://{origin}", tmp_path / "copy")
        assert sorted(commands) == sorted([
            "clone", "upload-pack", "pack-objects", "index-pack",
            "config", "config",  # it is no partial clone
            "reset", "ls-remote", "upload-pack",
            "var", "update-ref",  # to save the active state
        ])  # fmt: skip
        assert git("config", "core.bigFileThreshold", cwd=copy.directory).strip() == "256k"
        git("clone", "--quiet", f"file://{origin}", str(tmp_path / "stock"), cwd=tmp_path)
        saved = copy.repository.refs.get("refs/states/initial")
        stock = list_objects(tmp_path / "stock")
        assert list_objects(copy.directory) == stock | {str(saved)}
        listing = git("ls-files", "--stage", cwd=copy.directory)
        assert listing == git("ls-files", "--stage", cwd=tmp_path / "stock")

    def test_a_directory_is_linked(self, origin: Path, tmp_path: Path, run: Run) -> None:
        copy = make_clone(origin, tmp_path / "copy")
        packs = list(copy.repository.common.rglob("*.pack"))
        assert packs
        assert all(path.stat().st_nlink == 2 for path in packs if path.stat().st_size > 10_000)
        shutil.rmtree(origin)
        assert run("verify", "--all", cwd=copy.directory).code == 0

    def test_a_working_copy_as_the_origin(self, model: Model, tmp_path: Path) -> None:
        put(model, "initial", {"big": noise(1_000_000)})
        take(model, "v1")
        copy = make_clone(model.directory, tmp_path / "copy")
        assert copy.head == model.head
        assert state.find_saved_tree(copy, "initial") is not None


def test_the_active_state_is_that_of_the_newest_snapshot(model: Model, tmp_path: Path, run: Run) -> None:
    put(model, "night", {"weights": b"night"})
    assert run("state", "use", "night", cwd=model.directory).code == 0
    taken = take(model, "v1")
    copy = make_clone(model.directory, tmp_path / "copy")
    assert copy.active_state == "night"
    assert state.find_saved_tree(copy, "night") == taken.state_tree


def test_a_model_without_a_snapshot(model: Model, tmp_path: Path) -> None:
    copy = make_clone(model.directory, tmp_path / "copy")
    assert (copy.active_state, copy.head) == ("initial", model.head)
    assert picture(copy.directory / "code") == picture(model.directory / "code")


def test_a_remote_whose_head_leads_nowhere(origin: Path, tmp_path: Path, run: Run) -> None:
    """As a bare repository that was made where the default branch has another name."""
    git("symbolic-ref", "HEAD", "refs/heads/master", cwd=origin)
    for name, url in (("partial", f"file://{origin}"), ("linked", str(origin))):
        copy = make_clone(url, tmp_path / name)
        assert (
            git("rev-parse", "--abbrev-ref", "HEAD", "@{upstream}", cwd=copy.directory)
            == "main\norigin/main\n"
        )
        assert run("status", cwd=copy.directory).code == 0
    git("update-ref", "refs/heads/other", "main", cwd=origin)
    with pytest.raises(NotAModel, match="has no branch to check out"):
        make_clone(f"file://{origin}", tmp_path / "two")


def test_no_model(tmp_path: Path) -> None:
    other = existing_repository(tmp_path / "other", README="hello")
    make_bare(tmp_path / "empty.git")
    for source in (other, tmp_path / "empty.git"):
        with pytest.raises(NotAModel):
            make_clone(source, tmp_path / "copy")
    assert sorted(path.name for path in tmp_path.iterdir() if "copy" in path.name) == []


def test_what_cannot_be_cloned(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for url, target, message in (
        ("file:///nowhere", "copy", "cannot be reached: '/nowhere' does not appear to be a git repository"),
        ("nowhere", "copy", "does not exist"),
        ("ext::sh -c true", "copy", "names a remote helper"),
        ("--upload-pack=true", "copy", "starts with '-'"),
        ("file:///nowhere", "full", "already exists"),
    ):
        with pytest.raises(GitstoreError, match=message):
            clone(url, tmp_path / target, directory=tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["full"]


def test_the_name_of_the_directory() -> None:
    for url in (
        "https://example.org/ada/digits",
        "ada@example.org:models/digits.git",
        "../digits/",
        "a:digits/.git",
    ):
        assert name_directory(url) == "digits"
    for url in ("/", "..", ""):
        with pytest.raises(GitstoreError):
            name_directory(url)


def test_the_command(origin: Path, tmp_path: Path, gitstore: Gitstore) -> None:
    outcome = gitstore("clone", f"file://{origin}", cwd=tmp_path / "digits")
    assert outcome.code == 0, outcome
    shape = parsed(gitstore("clone", f"file://{origin}", "other", "--json", cwd=tmp_path))
    assert shape["partial"] is True
    assert shape["snapshots"] == 2
