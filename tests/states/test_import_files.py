"""States from files that lie elsewhere, and back to plain files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from gitstore.bigfiles.parts import LARGE
from gitstore.disk import locks
from gitstore.errors import GitstoreError, InvalidName, Locked, NoSuchState, StateExists
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.snapshots import export
from gitstore.states.import_files import ImportedState, import_files
from gitstore.states.save import save_state
from tests.support import files, scenes
from tests.support.commands import Fsck, Git, Gitstore, Outcome, Run
from tests.support.failing import refuses
from tests.support.models import noise, picture, put, refs, take

SIZE = 2 * (LARGE + 1) + 1
TAKEN = "--name gives the new state another name; --force replaces the old one"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A directory with weights, elsewhere."""
    files.make(
        tmp_path / "ein Lauf",
        {b"large": noise(LARGE + 1), b"sub": {"größe 1".encode(): b"s"}, b"empty": {}},
    )
    (tmp_path / "ein Lauf" / "link").symlink_to("large")
    return tmp_path / "ein Lauf"


def bring(model: Model, name: str, *paths: Path, force: bool = False, save: bool = True) -> ImportedState:
    """Import as a fresh process would."""
    return import_files(Model.open(model.directory), name, paths, force=force, save=save)


class TestImporting:
    def test_a_directory_is_the_state(self, model: Model, source: Path, fsck: Fsck) -> None:
        done = bring(model, "run", source)
        assert done.path == model.claim_states() / "run"
        assert files.read(done.path) == files.read(source)
        assert not (done.path / "link").is_symlink()
        assert (done.size, done.saved is not None) == (SIZE, True)
        assert state.find_saved_tree(model, "run") == files.store(model.repository, source)
        assert model.active_state == "initial"
        fsck(model.directory)

    def test_of_several_paths_each_keeps_its_name(self, model: Model, source: Path) -> None:
        bring(model, "run", source / "large", source / "sub")
        assert files.read(model.claim_states() / "run") == {
            b"large": noise(LARGE + 1),
            b"sub": {"größe 1".encode(): b"s"},
        }

    def test_a_file_becomes_the_first_state(self, tmp_path: Path, model: Model, source: Path) -> None:
        (model.claim_states() / "initial" / "weights").unlink()
        bring(model, "initial", source / "sub" / "größe 1")
        assert os.listdir(model.claim_states() / "initial") == ["größe 1"]
        assert "refs/states/initial" in refs(model.directory)

    def test_without_saving(self, model: Model, source: Path) -> None:
        before = refs(model.directory)
        assert bring(model, "run", source, save=False).saved is None
        assert refs(model.directory) == before
        assert files.read(model.claim_states() / "run") == files.read(source)

    def test_of_a_derived_model(self, tmp_path: Path, source: Path, fsck: Fsck) -> None:
        dogs, model = scenes.derived(tmp_path), Model.open(tmp_path / "digits")
        bring(dogs, "run", source)
        assert "refs/states/dogs/run" in refs(model.directory)
        assert (dogs.directory / "states" / "run" / "large").is_file()
        fsck(model.directory)

    def test_into_a_bare_repository(
        self, model: Model, source: Path, tmp_path: Path, git: Git, fsck: Fsck
    ) -> None:
        git("clone", "--quiet", "--bare", str(model.directory), str(tmp_path / "b.git"), cwd=tmp_path)
        bare = Model.open(tmp_path / "b.git")
        with refuses():
            bring(bare, "run", source, save=False)
        done = bring(bare, "run", source)
        assert (done.path, done.size) == (None, SIZE)
        assert state.find_saved_tree(bare, "run") == files.store(bare.repository, source)
        assert not (bare.directory / "states").exists()
        with refuses("run", kind=StateExists):
            bring(bare, "run", source)
        fsck(bare.directory)


class TestWhatIsThereAlready:
    @pytest.mark.parametrize("how", ["on disk", "saved"])
    def test_is_not_overwritten(self, model: Model, source: Path, how: str) -> None:
        path = put(model, "run", {"w": b"mine"})
        if how == "saved":
            save_state(model, "run")
            (path / "w").unlink()
        before, named = picture(model.directory), refs(model.directory)
        with refuses("run", kind=StateExists):
            bring(model, "run", source)
        assert (picture(model.directory), refs(model.directory)) == (before, named)

    def test_is_replaced_whole_with_force(self, model: Model, source: Path, git: Git, fsck: Fsck) -> None:
        put(model, "run", {"w": b"mine"})
        save_state(model, "run")
        bring(model, "run", source, force=True)
        assert files.read(model.claim_states() / "run") == files.read(source)
        assert "w\n" not in git("ls-tree", "-r", "--name-only", "refs/states/run", cwd=model.directory)
        assert sorted(os.listdir(model.claim_states())) == ["initial", "run"]
        fsck(model.directory)

    def test_can_be_the_source_itself(self, model: Model) -> None:
        bring(model, "initial", model.claim_states() / "initial", force=True)
        assert files.read(model.claim_states() / "initial") == {b"weights": b"\0\1\2\3\4\5\6\7"}


class TestWhatCannotBeImported:
    def test_under_a_bad_name(self, tmp_path: Path, source: Path) -> None:
        scenes.derived(tmp_path)
        for name, kind in (
            ("a b", InvalidName),
            ("../x", InvalidName),
            ("dogs", GitstoreError),
        ):
            with refuses(name, kind=kind):
                bring(Model.open(tmp_path / "digits"), name, source)

    def test_nothing(self, model: Model, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        with refuses(f"{tmp_path}/empty"):
            bring(model, "run", tmp_path / "empty")
        with refuses(f"{tmp_path}/none"):
            bring(model, "run", tmp_path / "none")

    def test_two_of_one_name(self, model: Model, source: Path, tmp_path: Path) -> None:
        (tmp_path / "large").write_bytes(b"other")
        with refuses(tmp_path / "large"):
            bring(model, "run", source / "large", tmp_path / "large")

    def test_what_a_state_cannot_hold(self, model: Model, source: Path) -> None:
        os.mkfifo(source / "pipe")
        before = picture(model.directory)
        with refuses(f"{source}/pipe"):
            bring(model, "run", source)
        assert picture(model.directory) == before

    def test_the_model_itself(self, model: Model) -> None:
        with refuses("'.git'"):
            bring(model, "run", model.directory)

    def test_while_another_command_is_at_it(
        self, model: Model, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(locks, "PATIENCE", 0.1)
        with (
            locks.working_copy(model.repository.git_directory),
            refuses("another gitstore command", kind=Locked),
        ):
            bring(model, "run", source)
        assert os.listdir(model.claim_states()) == ["initial"]


class TestExporting:
    def test_gives_the_files_back(self, model: Model, source: Path, tmp_path: Path) -> None:
        bring(model, "run", source)
        put(model, "run", {"sub/größe 1": b"modified since"})
        heard: list[int] = []
        size = export.export_state(model, "run", tmp_path / "mein Ziel", progress=heard.append)
        assert files.read(tmp_path / "mein Ziel") == files.read(source) | {b"sub": {"größe 1".encode(): b"s"}}
        assert size == sum(heard) == SIZE

    def test_from_a_bare_repository_into_an_empty_directory(
        self, model: Model, tmp_path: Path, git: Git
    ) -> None:
        save_state(model, "initial")
        git("clone", "--quiet", "--mirror", str(model.directory), str(tmp_path / "b.git"), cwd=tmp_path)
        (tmp_path / "out").mkdir()
        export.export_state(Model.open(tmp_path / "b.git"), "initial", tmp_path / "out")
        assert files.read(tmp_path / "out") == {b"weights": b"\0\1\2\3\4\5\6\7"}

    def test_needs_a_saved_state_and_room(self, model: Model, tmp_path: Path) -> None:
        target = tmp_path / "out"
        with refuses("initial", kind=NoSuchState):
            export.export_state(model, "initial", target)
        with refuses(kind=NoSuchState):
            export.export_state(model, "none", target)
        save_state(model, "initial")
        target.mkdir()
        (target / "x").write_text("x")
        with refuses(target):
            export.export_state(model, "initial", target)
        assert os.listdir(target) == ["x"]


class TestTheCommands:
    def test_import(self, model: Model, source: Path, gitstore: Gitstore) -> None:
        here = model.directory
        done = gitstore("state", "import", "../../ein Lauf/sub", "--name", "run", cwd=here / "code")
        assert (done.code, done.stdout) == (0, "")
        assert done.stderr.startswith("Imported state run: 1 B, saved, added ")
        assert gitstore("state", "import", str(source), cwd=here) == Outcome(
            1, "", f"error: the state initial already exists\nhint: {TAKEN}\n"
        )
        found = json.loads(
            gitstore("state", "import", str(source), "--force", "--no-save", "--json", cwd=here).stdout
        )
        assert found == {
            "name": "initial",
            "path": f"{here}/states/initial",
            "size": SIZE,
            "tree": None,
            "added_bytes": 0,
            "active": True,
        }
        assert gitstore("state", "import", cwd=here).code == 2

    def test_import_says_which_state_is_active(self, model: Model, source: Path, run: Run) -> None:
        here, way = model.directory, ("state", "import", str(source))
        said = run(*way, "--name", "a", cwd=here).stderr.splitlines()
        assert said[1:] == ["The active state is initial; gitstore state use a makes a active"]
        said = run(*way, "--name", "b", "--no-save", cwd=here).stderr.splitlines()
        assert said[1:] == ["The active state is initial; gitstore state use b makes b active"]
        said = run(*way, "--name", "c", "--use", cwd=here).stderr.splitlines()
        assert said[1:] == ["The active state is c"]
        assert model.active_state == "c"
        assert take(model, "v1").state_tree == state.find_saved_tree(model, "c")
        assert run(*way, "--name", "d", "--use", "--no-save", cwd=here).code == 0
        assert (model.active_state, state.find_saved_tree(model, "d")) == ("d", None)

    def test_export(self, model: Model, run: Run) -> None:
        save_state(model, "initial")
        assert run("state", "export", "initial", "out", cwd=model.directory) == Outcome(
            0, "", "Exported state initial to out: 8 B\n"
        )
        assert run("state", "export", "initial", "out", cwd=model.directory) == Outcome(
            1, "", "error: out already exists\nhint: export into a new directory\n"
        )
