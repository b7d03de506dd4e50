"""States that go: all of them or none, and never with weights that are nowhere else."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gitstore.errors import InvalidName, Locked, NoSuchState
from gitstore.git.refs import Refs
from gitstore.models import reference, state
from gitstore.models.model import Model
from gitstore.states.remove import RemovedStates, remove
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from gitstore.storage import usage
from gitstore.workingcopy.unsaved import WouldLose
from tests.support import scenes
from tests.support.commands import Fsck, Git, Gitstore, Run, parsed
from tests.support.failing import refuses
from tests.support.models import make, noise, picture, put, refs, take

KEEP = "gitstore state save or export keeps it; --force discards it"


def take_away(model: Model, *names: str, force: bool = False) -> RemovedStates:
    """Remove as a fresh process would."""
    return remove(Model.open(model.directory), names, force=force)


@pytest.fixture
def three(tmp_path: Path) -> Model:
    """A model with the saved states `initial`, which is active, `one` and `two`, all on disk."""
    scenes.copy(_three, tmp_path)
    return Model.open(tmp_path / "digits")


def _three(root: Path) -> None:
    model = make(root / "digits")
    save_state(model, "initial")
    for seed, name in enumerate(["one", "two"]):
        put(model, name, {"w": noise(100_000, seed), "weights": b"\0\1\2\3\4\5\6\7"})
        save_state(model, name)


class TestRemoving:
    def test_takes_ref_and_directory(self, three: Model, fsck: Fsck) -> None:
        billed = {each.ref: each.exclusive for each in usage.measure(three.repository).holders}
        done = take_away(three, "one")
        assert (done.names, done.active) == (("one",), "initial")
        assert done.exclusive == billed["refs/states/one"] > 100_000
        assert "refs/states/one" not in refs(three.directory)
        assert sorted(os.listdir(three.claim_states())) == ["initial", "two"]
        fsck(three.directory)

    def test_of_several_counts_what_they_hold_together(self, three: Model) -> None:
        done = take_away(three, "one", "two", "one")
        assert done.names == ("one", "two")
        assert done.exclusive > 200_000
        assert state.list_names(three) == ["initial"]
        assert usage.measure(three.repository).dead >= done.exclusive

    def test_frees_nothing_that_a_snapshot_holds(self, three: Model) -> None:
        use_state(three, "one")
        take(three, "v1")
        use_state(three, "initial")
        assert take_away(three, "one").exclusive < 1000
        found = reference.resolve("v1", three.directory)
        assert {str(file.path) for file in found.list_state_files()} == {"w", "weights"}

    def test_of_one_that_is_only_saved_or_only_in_a_snapshot(self, tmp_path: Path) -> None:
        """What is on disk need not be saved as a state, if nothing is lost."""
        scenes.snapshot(tmp_path)
        model = Model.open(tmp_path / "digits")
        put(model, "copy", {"weights": b"\0\1\2\3\4\5\6\7"})
        save_state(model, put(model, "one", {"w": b"w"}).name)
        shutil.rmtree(model.claim_states() / "one")
        take_away(model, "one")
        assert state.list_names(model) == ["copy", "initial"]
        assert take_away(model, "copy") == RemovedStates(("copy",), 0, "initial")
        assert os.listdir(model.claim_states()) == ["initial"]

    def test_of_a_link_leaves_what_it_leads_to(self, three: Model, tmp_path: Path) -> None:
        (three.claim_states() / "one").rename(tmp_path / "elsewhere")
        (three.claim_states() / "one").symlink_to(tmp_path / "elsewhere")
        take_away(three, "one")
        assert sorted(os.listdir(tmp_path / "elsewhere")) == ["w", "weights"]
        assert sorted(os.listdir(three.claim_states())) == ["initial", "two"]

    def test_of_a_derived_model(self, tmp_path: Path, fsck: Fsck) -> None:
        dogs, model = scenes.derived(tmp_path), Model.open(tmp_path / "digits")
        save_state(model, "initial")
        take_away(dogs, "initial", force=True)
        found = refs(model.directory)
        assert not [ref for ref in found if ref.startswith("refs/states/dogs/")]
        assert "refs/states/initial" in found
        fsck(model.directory)

    def test_in_a_bare_repository(self, three: Model, tmp_path: Path, git: Git, fsck: Fsck) -> None:
        git("clone", "--quiet", "--mirror", str(three.directory), str(tmp_path / "b.git"), cwd=tmp_path)
        bare = Model.open(tmp_path / "b.git")
        assert take_away(bare, "one").exclusive > 100_000
        assert "one" not in state.list_names(bare)
        fsck(bare.directory)


class TestTheActiveOne:
    def test_stays(self, three: Model) -> None:
        before, named = picture(three.directory), refs(three.directory)
        with refuses("initial"):
            take_away(three, "one", "initial")
        assert (picture(three.directory), refs(three.directory)) == (before, named)

    def test_goes_with_its_choice(self, three: Model, fsck: Fsck) -> None:
        use_state(three, "two")
        done = take_away(three, "two", force=True)
        assert done.active == "initial"
        assert "refs/states/two" not in refs(three.directory)
        assert three.active_state == "initial"
        fsck(three.directory)
        assert take(three, "v1").tag.trailers["State"] == "initial"


class TestWhatWouldBeLost:
    def test_a_wrong_name_stops_all(self, three: Model) -> None:
        before, named = picture(three.directory), refs(three.directory)
        for name in ("none", "a b", "..", "HEAD"):
            with refuses(name, kind=NoSuchState if name == "none" else InvalidName):
                take_away(three, "one", name, force=True)
        assert (picture(three.directory), refs(three.directory)) == (before, named)

    def test_is_named(self, three: Model) -> None:
        put(three, "one", {"w": b"modified"})
        put(three, "unsaved", {"a": b"a", "sub/größe": b"b"})
        before, named = picture(three.directory), refs(three.directory)
        with refuses("3", "states/one/w", "states/unsaved/a", "states/unsaved/sub/größe", kind=WouldLose):
            take_away(three, "one", "unsaved")
        assert (picture(three.directory), refs(three.directory)) == (before, named)
        take_away(three, "one", "unsaved", force=True)
        assert state.list_names(three) == ["initial", "two"]

    def test_files_come_back_if_the_refs_cannot_change(self, three: Model) -> None:
        before, named = picture(three.directory), refs(three.directory)
        locked = three.directory / ".git" / "refs" / "states" / "one.lock"
        locked.touch()
        with refuses("refs/states/one", hint=locked, kind=Locked):
            take_away(three, "one", "two")
        locked.unlink()
        assert (picture(three.directory), refs(three.directory)) == (before, named)

    def test_killed_before_the_refs_change_a_repeat_finishes(
        self, three: Model, monkeypatch: pytest.MonkeyPatch, fsck: Fsck
    ) -> None:
        left = []

        def killed(*_: object) -> None:
            left.extend(sorted(os.listdir(three.claim_states())))
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(Refs, "change", killed)
            with pytest.raises(KeyboardInterrupt):
                take_away(three, "one")
        assert left[1:] == ["initial", "two"]
        (three.claim_states() / "one").rename(three.claim_states() / left[0])
        fsck(three.directory)
        take_away(three, "one")
        assert sorted(os.listdir(three.claim_states())) == ["initial", "two"]


def test_the_command_says_what_gc_frees(three: Model, gitstore: Gitstore, run: Run) -> None:
    done = gitstore("state", "rm", "one", cwd=three.directory / "code")
    assert (done.code, done.stdout) == (0, "")
    assert "one" in done.stderr and "97." in done.stderr
    put(three, "two", {"w": b"modified"})
    refused = run("state", "rm", "two", cwd=three.directory)
    assert (refused.code, "states/two/w" in refused.stderr) == (1, True)
    found = parsed(run("state", "rm", "two", "--force", "--json", cwd=three.directory))
    assert found.pop("exclusive_bytes") > 100_000
    assert found == {"names": ["two"], "active": "initial"}
    assert run("state", "rm", cwd=three.directory).code == 2
