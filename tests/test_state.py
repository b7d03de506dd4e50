from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore import derive, state
from gitstore.errors import GitstoreError, Locked
from gitstore.first_state import ABSENT, COPIED
from gitstore.model import Model
from gitstore.objects.refs import RefChanged
from gitstore.objects.sources import scan
from gitstore.state import NoSuchState, State
from tests.support.commands import Fsck, Git
from tests.support.models import joined, noise, picture, put, refs, take


def states(model: Model) -> dict[str, State]:
    return {each.name: each for each in state.each(Model.open(model.directory))}


class TestTheActiveState:
    def test_is_initial_at_first(self, model: Model) -> None:
        assert state.active(model) == "initial"

    def test_stays_when_another_is_saved(self, model: Model) -> None:
        put(model, "other", {"w": b"w"})
        state.save(model, "other")
        assert state.active(model) == "initial"

    @pytest.mark.parametrize("is_saved", [True, False])
    def test_moves_without_touching_a_file_or_a_ref(self, model: Model, *, is_saved: bool) -> None:
        put(model, "other", {"w": b"w"})
        if is_saved:
            state.save(model, "other")
        before = picture(model.directory), refs(model.directory)
        state.use(model, "other")
        assert state.active(Model.open(model.directory)) == "other"
        assert (picture(model.directory), refs(model.directory)) == before

    @pytest.mark.parametrize(
        ("name", "message", "hint"),
        [
            ("none", "there is no state none", "gitstore state list shows those there are"),
            ("HEAD", "'HEAD' cannot be the name of a state: it is a name that git keeps for itself", None),
            ("dogs/initial", "'dogs/initial' cannot be the name of a state: it has '/' in it", None),
            ("../heads/main", "'../heads/main' cannot be the name of a state: it has '/' in it", None),
        ],
    )
    def test_must_be_there(self, model: Model, name: str, message: str, hint: str | None) -> None:
        before = refs(model.directory)
        with pytest.raises(GitstoreError) as caught:
            state.use(model, name)
        assert (caught.value.message, caught.value.hint) == (message, hint)
        assert refs(model.directory) == before

    @pytest.mark.parametrize("place", ["on disk", "nowhere"])
    def test_may_be_the_first_one_unsaved(self, model: Model, place: str) -> None:
        """As after the first training, from a state that nobody saved."""
        put(model, "other", {"w": b"w"})
        state.save(model, "other")
        state.use(model, "other")
        if place == "nowhere":
            (model.states / "initial" / "weights").unlink()
        state.use(model, "initial")
        assert state.active(Model.open(model.directory)) == "initial"
        state.use(model, "other")
        assert state.active(model) == "other"


class TestSaving:
    def test_makes_a_commit_without_parents_of_the_files(self, model: Model, git: Git, fsck: Fsck) -> None:
        put(model, "initial", {"sub/größe 1": b"s", "large": noise(5_000_000)})
        saved = state.save(model, "initial")
        here = model.directory
        assert git("rev-parse", "refs/states/initial^@", cwd=here) == ""
        assert git("rev-parse", "refs/states/initial^{tree}", cwd=here).strip() == str(saved.tree)
        assert git("log", "-1", "--format=%s%n%an", "refs/states/initial", cwd=here) == (
            "State initial of digits\nAda Lovelace\n"
        )
        assert (saved.size, saved.was_saved) == (5_000_009, False)
        fsck(here)

    def test_again_changes_nothing(self, model: Model) -> None:
        first = state.save(model, "initial")
        before = refs(model.directory)
        again = state.save(Model.open(model.directory), "initial")
        assert (again.was_saved, again.pack, again.tree, again.size) == (True, None, first.tree, 8)
        assert refs(model.directory) == before

    def test_replaces_what_was_saved(self, model: Model, git: Git, fsck: Fsck) -> None:
        state.save(model, "initial")
        put(model, "initial", {"weights": b"new"})
        state.save(Model.open(model.directory), "initial")
        assert git("show", "refs/states/initial:weights", cwd=model.directory) == "new"
        assert git("rev-parse", "refs/states/initial^@", cwd=model.directory) == ""
        fsck(model.directory)

    def test_a_modification_of_the_same_size_and_time_is_seen(self, model: Model, git: Git) -> None:
        path = put(model, "initial", {"weights": b"first"}) / "weights"
        state.save(model, "initial")
        times = path.stat()
        path.write_bytes(b"other")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert not state.save(Model.open(model.directory), "initial").was_saved
        assert git("show", "refs/states/initial:weights", cwd=model.directory) == "other"

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("nowhere", "there is no state nowhere on disk"),
            ("a b", "'a b' cannot be the name of a state: it has a space in it"),
            ("..", "'..' cannot be the name of a state: it starts with '.'"),
            ("Head", "'Head' cannot be the name of a state: it is a name that git keeps for itself"),
        ],
    )
    def test_needs_a_name_and_files(self, model: Model, name: str, message: str) -> None:
        before = refs(model.directory)
        with pytest.raises(GitstoreError) as caught:
            state.save(model, name)
        assert caught.value.message == message
        assert refs(model.directory) == before

    @pytest.mark.parametrize("copy_state", [True, False])
    def test_under_the_name_of_a_derived_model_is_refused(self, model: Model, *, copy_state: bool) -> None:
        derive.derive(
            take(model, "v1"), "dogs", model.directory.parent / "dogs", state=COPIED if copy_state else ABSENT
        )
        put(model, "dogs", {"w": b"w"})
        with pytest.raises(GitstoreError) as caught:
            state.save(model, "dogs")
        assert caught.value.message == "dogs is the name of a derived model, so no state can have it"
        assert caught.value.hint == "choose another name"

    def test_while_another_command_saves_it_too(self, model: Model, git: Git) -> None:
        def hurry(_: int) -> None:
            git("update-ref", "refs/states/initial", "HEAD", cwd=model.directory)

        with pytest.raises(RefChanged) as caught:
            state.save(model, "initial", progress=hurry)
        assert caught.value.message == "refs/states/initial exists already"
        assert caught.value.hint == "another command changed it meanwhile; look again, then repeat yours"

    def test_while_its_ref_is_locked(self, model: Model) -> None:
        state.save(model, "initial")
        put(model, "initial", {"weights": b"new"})
        lock = model.directory / ".git" / "refs" / "states" / "initial.lock"
        lock.touch()
        with pytest.raises(Locked) as caught:
            state.save(model, "initial")
        assert caught.value.hint == f"if none is running, a crash left the lock: remove {lock}"
        lock.unlink()
        assert not state.save(Model.open(model.directory), "initial").was_saved

    def test_a_new_one_never_writes_over_another(self, model: Model) -> None:
        state.save(model, "initial")
        directory = put(model, "new", {"w": b"w"})
        with pytest.raises(state.StateExists) as caught:
            state.save_new(model, "initial", scan(directory))
        assert caught.value.message == "there is a state initial already"

    @pytest.mark.parametrize(
        ("make_it", "message"),
        [
            (lambda path: os.symlink("gone", path), "is a link to gone, which is not there"),
            (os.mkfifo, "is a named pipe; a state holds plain files"),
            (lambda path: os.symlink(".", path), "leads back to a directory it lies in"),
        ],
    )
    def test_what_no_state_can_hold(self, model: Model, make_it: object, message: str) -> None:
        path = model.directory / "states" / "initial" / "odd"
        make_it(path)  # type: ignore[operator]
        with pytest.raises(GitstoreError) as caught:
            state.save(model, "initial")
        assert caught.value.message == f"{path} {message}"
        assert "refs/states/initial" not in refs(model.directory)

    @pytest.mark.parametrize("name", [".git", ".GIT", "weights.parts", ".gitmodules"])
    def test_reserved_names(self, model: Model, name: str) -> None:
        put(model, "initial", {f"{name}/x": b"x"})
        with pytest.raises(GitstoreError) as caught:
            state.save(model, "initial")
        assert caught.value.message.startswith(f"{model.directory}/states/initial/{name}: ")


class TestListing:
    def test_says_where_each_is(self, model: Model) -> None:
        for name in ("both", "modified", "saved"):
            state.save(model, put(model, name, {"w": name.encode()}).name)
        put(model, "modified", {"w": b"changed!!"})
        (model.directory / "states" / "saved" / "w").unlink()
        (model.directory / "states" / "saved").rmdir()
        found = states(model)
        assert {
            name: (each.tree is not None, each.on_disk, each.is_modified, each.size, each.is_active)
            for name, each in found.items()
        } == {
            "both": (True, True, False, 4, False),
            "initial": (False, True, False, 8, True),
            "modified": (True, True, True, 9, False),
            "saved": (True, False, False, 5, False),
        }

    def test_an_empty_directory_hides_no_saved_state(self, model: Model) -> None:
        state.save(model, "initial")
        (model.directory / "states" / "initial" / "weights").unlink()
        (model.directory / "states" / "initial" / "deep" / "er").mkdir(parents=True)
        found = states(model)["initial"]
        assert (found.on_disk, found.is_modified, found.size) == (False, False, 8)
        assert take(model, "v1").state == found.tree

    def test_a_directory_that_no_state_can_be_called_is_none(self, model: Model) -> None:
        for name in ("my weights", "HEAD", ".hidden", "x.lock"):
            put(model, name, {"w": b"w"})
        (model.directory / "states" / "a file").touch()
        assert state.names(model) == ["initial"]

    def test_a_removed_file_and_an_added_one_are_modifications(self, model: Model) -> None:
        put(model, "initial", {"a": b"a"})
        state.save(model, "initial")
        assert not states(model)["initial"].is_modified
        (model.directory / "states" / "initial" / "a").unlink()
        assert states(model)["initial"].is_modified
        put(model, "initial", {"a": b"a", "b": b"b"})
        assert states(model)["initial"].is_modified

    def test_of_a_derived_model_its_own_only(self, model: Model) -> None:
        state.save(model, "initial")
        dogs = derive.derive(take(model, "v1"), "dogs", model.directory.parent / "dogs").model
        put(dogs, "special", {"w": b"w"})
        state.save(dogs, "special")
        assert state.names(model) == ["initial"]
        assert state.names(dogs) == ["initial", "special"]

    def test_many_take_no_longer_for_each_than_few(
        self, model: Model, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """states/ is listed, and the stat cache read, as often for forty as for one."""
        calls: list[str] = []
        listdir, read = os.listdir, Path.read_bytes

        def listed(path: Path) -> list[str]:
            calls.append(Path(path).name)
            return listdir(path)

        def was_read(path: Path) -> bytes:
            calls.append(path.name)
            return read(path)

        monkeypatch.setattr(os, "listdir", listed)
        monkeypatch.setattr(Path, "read_bytes", was_read)
        counts = []
        for number in (1, 40):
            for each in range(number):
                put(model, f"s{each}", {"w": b"w"})
            calls.clear()
            assert len(states(model)) == number + 1
            counts.append((calls.count("states"), calls.count("stat-cache")))
        assert counts[0] == counts[1]

    def test_of_a_bare_repository_the_saved_ones(self, model: Model, git: Git, tmp_path: Path) -> None:
        state.save(model, "initial")
        git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
        bare = Model.open(tmp_path / "b.git")
        (found,) = state.each(bare)
        assert (found.name, found.on_disk, found.size, found.is_active) == ("initial", False, 8, True)
        with pytest.raises(NoSuchState) as caught:
            state.save(bare, "initial")
        assert (
            caught.value.hint
            == "a bare repository has no states on disk: save it in a clone, and push it here"
        )
        with pytest.raises(GitstoreError) as other:
            state.materialise(bare, "initial")
        assert other.value.message == "a bare repository has no states on disk"


class TestWritingOut:
    def test_what_is_on_disk_stays(self, model: Model) -> None:
        state.save(model, "initial")
        path = put(model, "initial", {"weights": b"unsaved"})
        assert state.materialise(model, "initial") == path
        assert (path / "weights").read_bytes() == b"unsaved"

    def test_what_is_not_is_written_and_known_without_reading(self, model: Model) -> None:
        content = noise(6_000_000)
        put(model, "initial", {"sub/large": content})
        state.save(model, "initial")
        model.states.rename(model.directory / "elsewhere")
        path = state.materialise(Model.open(model.directory), "initial")
        assert (path / "sub" / "large").read_bytes() == content
        assert not states(model)["initial"].is_modified
        assert [entry.name for entry in path.parent.iterdir()] == ["initial"]

    def test_into_the_empty_directory_of_that_name(self, model: Model) -> None:
        state.save(model, "initial")
        (model.directory / "states" / "initial" / "weights").unlink()
        assert (state.materialise(model, "initial") / "weights").exists()

    @pytest.mark.parametrize("name", ["none", "HEAD", "a/b"])
    def test_of_a_state_that_is_not_there(self, model: Model, name: str) -> None:
        state.save(model, "initial")
        before = picture(model.directory)
        with pytest.raises(GitstoreError):
            state.materialise(model, name)
        assert picture(model.directory) == before

    def test_with_states_on_another_disk(self, model: Model, tmp_path: Path) -> None:
        (tmp_path / "big disk").mkdir()
        state.save(model, "initial")
        model.states.rename(tmp_path / "old")
        model.states.symlink_to(tmp_path / "big disk")
        state.materialise(model, "initial")
        assert (tmp_path / "big disk" / "initial" / "weights").read_bytes() == b"\0\1\2\3\4\5\6\7"
        assert not states(model)["initial"].is_modified
        assert take(model, "v1").name == "v1"

    def test_that_fails_leaves_nothing(self, model: Model, git: Git) -> None:
        put(model, "initial", {"other": noise(100_000)})
        state.save(model, "initial")
        model.states.rename(model.directory / "elsewhere")
        (pack,) = (model.repository.common / "objects" / "pack").glob("*.pack")
        pack.chmod(0o644)
        with pack.open("r+b") as file:
            file.seek(50_000)
            file.write(b"damage")
        with pytest.raises(GitstoreError, match=r"^object [0-9a-f]{40} is corrupt: "):
            state.materialise(Model.open(model.directory), "initial")
        assert not model.states.exists()


class TestPlainGit:
    """Everyday git never touches a file under states/: that is why a snapshot's tree says state/."""

    @pytest.fixture(params=["root", "derived"])
    def place(self, request: pytest.FixtureRequest, model: Model) -> Model:
        if request.param == "root":
            take(model, "v1")
            return model
        dogs = derive.derive(take(model, "v1"), "dogs", model.directory.parent / "dogs").model
        state.materialise(dogs, "initial")
        take(dogs, "v1")
        return dogs

    def test_checkout_and_switch_with_unsaved_weights(self, place: Model, git: Git, fsck: Fsck) -> None:
        put(place, "initial", {"weights": b"unsaved", "more": b"more"})
        put(place, "never-saved", {"w": b"w"})
        before = picture(place.states)
        here = place.directory
        branch = git("branch", "--show-current", cwd=here).strip()
        tag = f"{place.prefix}v1"
        git("checkout", "--quiet", tag, cwd=here)
        assert (here / "state" / "weights").exists()
        assert picture(place.states) == before
        git("switch", "--quiet", branch, cwd=here)
        assert not (here / "state").exists()
        assert picture(place.states) == before
        git("checkout", "--quiet", "--force", tag, cwd=here)
        git("switch", "--quiet", "--force", branch, cwd=here)
        git("stash", "--include-untracked", "--quiet", cwd=here)
        git("clean", "--force", "-d", "--quiet", cwd=here)
        assert picture(place.states) == before
        assert git("status", "--porcelain", cwd=here) == ""
        fsck(here)

    def test_a_detached_snapshot_is_still_the_model(self, place: Model, git: Git) -> None:
        git("checkout", "--quiet", f"{place.prefix}v1", cwd=place.directory)
        again = Model.open(place.directory)
        assert (again.name, again.prefix, state.active(again)) == (place.name, place.prefix, "initial")
        assert take(again, "v2").name == "v2"


class TestAnotherModelsBranch:
    def test_in_the_root_working_copy_is_told_apart(self, model: Model, git: Git, tmp_path: Path) -> None:
        dogs = derive.derive(take(model, "v1"), "dogs", tmp_path / "dogs").model
        git("switch", "--quiet", "--ignore-other-worktrees", "dogs", cwd=model.directory)
        before = picture(model.directory)
        for command in (
            lambda here: state.save(here, "initial"),
            lambda here: list(state.each(here)),
            take_any,
        ):
            with pytest.raises(GitstoreError) as caught:
                command(Model.open(model.directory))
            assert caught.value.message == (
                f"{model.directory} has the model dogs checked out, but its states/ belongs to the root model"
            )
            assert caught.value.hint == (
                "switch back, or give the model dogs a working copy of its own with git worktree add"
            )
        assert picture(model.directory) == before
        git("switch", "--quiet", "main", cwd=model.directory)
        assert [each.name for each in state.each(Model.open(model.directory))] == ["initial"]
        assert [each.name for each in state.each(dogs)] == ["initial"]

    def test_in_a_fresh_clone_it_is_that_model(self, model: Model, git: Git, tmp_path: Path) -> None:
        dogs = derive.derive(take(model, "v1"), "dogs", tmp_path / "dogs").model
        take(dogs, "v1")
        git("clone", "--quiet", str(model.directory), "clone", cwd=tmp_path)
        git("switch", "--quiet", "dogs", cwd=tmp_path / "clone")
        clone = Model.open(tmp_path / "clone")
        put(clone, "initial", {"w": b"w"})
        assert take(clone, "v2").ref == "refs/tags/dogs/v2"


def take_any(model: Model) -> object:
    return take(model, "v9")


def test_states_of_a_moved_worktree_are_not_looked_for_in_the_old_place(model: Model, tmp_path: Path) -> None:
    derive.derive(take(model, "v1"), "dogs", tmp_path / "dogs")
    (tmp_path / "dogs").rename(tmp_path / "hounds")
    moved = Model.open(tmp_path / "hounds")
    assert (moved.name, moved.states) == ("dogs", tmp_path / "hounds" / "states")
    put(moved, "initial", {"weights": b"new"})
    state.save(moved, "initial")
    assert not (tmp_path / "dogs").exists()


def test_what_is_saved_is_plain_git(model: Model, git: Git, tmp_path: Path) -> None:
    contents = {"a": b"a", "sub/large": noise(9_000_000), "empty": b""}
    put(model, "initial", contents)
    state.save(model, "initial")
    git(
        "worktree",
        "add",
        "--quiet",
        "--detach",
        str(tmp_path / "out"),
        "refs/states/initial",
        cwd=model.directory,
    )
    found = joined(tmp_path / "out")
    found.pop(".git")
    assert found == contents | {"weights": b"\0\1\2\3\4\5\6\7"}


def test_a_repository_is_no_state(model: Model, git: Git) -> None:
    put(model, "cloned", {"w": b"w"})
    git("init", "--quiet", str(model.directory / "states" / "cloned"), cwd=model.directory)
    with pytest.raises(GitstoreError) as caught:
        state.save(model, "cloned")
    path = model.directory / "states" / "cloned" / ".git"
    assert caught.value.message == f"{path}: '.git' is a name that git keeps for itself"
