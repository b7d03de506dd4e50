"""Bringing a working copy back to a snapshot."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.snapshots.restore import Component, Restored
from gitstore.states import remove
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from gitstore.workingcopy.unsaved import WouldLose
from tests.support import restoring
from tests.support.commands import Fsck, Git, Gitstore
from tests.support.failing import refuses
from tests.support.models import git_state, noise, picture, put, refs, take
from tests.support.restoring import bring_back, names, trees


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A model with two snapshots."""
    return restoring.two(tmp_path)


class TestAWholeSnapshot:
    def test_the_next_snapshot_has_the_same_trees(self, two: Path, fsck: Fsck) -> None:
        for number, name in enumerate(["v1", "v2", "v1"]):
            bring_back(two, name)
            again = take(Model.open(two), f"again-{number}")
            assert trees(again) == trees(reference.resolve(name, two))
        fsck(two)

    def test_files_are_those_of_the_snapshot_and_no_others(self, two: Path) -> None:
        second = picture(two)
        bring_back(two, "v1")
        assert (two / "code" / "old" / "größe 1.py").read_text() == "old\n"
        assert not (two / "code" / "new").exists()
        assert not (two / "packages.lock").exists()
        assert (two / "states" / "initial" / "weights").read_bytes() == b"\0\1\2\3\4\5\6\7"
        assert not (two / "states" / "initial" / "sub").exists()
        assert sorted(os.listdir(two)) == [".git", ".gitignore", "code", "settings.yaml", "states"]
        assert os.listdir(two / "states") == ["initial"]
        bring_back(two, "v2")
        assert picture(two) == second

    def test_no_ref_no_index_and_no_branch_moves(self, two: Path) -> None:
        save_state(Model.open(two), "initial")
        before, (index, head, _) = refs(two), git_state(two)
        bring_back(two, "v1")
        assert (refs(two), git_state(two)[:2]) == (before, (index, head))

    def test_says_what_it_did(self, two: Path) -> None:
        done = bring_back(two, "v1")
        assert names(done.files) == [
            "code/link",
            "code/model.py",
            "code/new/run",
            "code/old/größe 1.py",
            "packages.lock",
            "settings.yaml",
        ]
        assert (done.state, done.lost, done.ignored) == ("initial", (), ())
        assert bring_back(two, "v1") == Restored((), None, None, False, (), ())

    def test_what_is_right_already_is_not_touched(self, two: Path) -> None:
        watched = [two / "settings.yaml", two / "code" / "model.py", two / "states" / "initial" / "weights"]
        before = [(path.stat().st_ino, path.stat().st_ctime_ns) for path in watched]
        bring_back(two, "v2")
        assert [(path.stat().st_ino, path.stat().st_ctime_ns) for path in watched] == before

    @pytest.mark.parametrize(
        ("part", "changed"),
        [
            (Component.CODE, {"code/link", "code/model.py", "code/new/run", "code/old/größe 1.py"}),
            (Component.SETTINGS, {"settings.yaml", "packages.lock"}),
            (Component.STATE, {"states/initial/weights", "states/initial/sub/more"}),
        ],
    )
    def test_a_part_alone(self, two: Path, part: Component, changed: set[str]) -> None:
        before = picture(two)
        bring_back(two, "v1", part)
        after = picture(two)
        differing = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
        directories = {"code/old", "code/new", "states/initial/sub"}
        assert differing - directories == changed

    def test_a_state_in_parts(self, model: Model) -> None:
        content = noise(9_000_000)
        put(model, "initial", {"large": content})
        take(model, "v1")
        put(model, "initial", {"large": content[:5_000_000]})
        take(model, "v2")
        bring_back(model.directory, "v1")
        assert (model.directory / "states" / "initial" / "large").read_bytes() == content

    def test_an_empty_state(self, tmp_path: Path, model: Model) -> None:
        (model.directory / "states" / "initial" / "weights").unlink()
        take(model, "v0")
        put(model, "initial", {"weights": b"w"})
        take(model, "v1")
        bring_back(model.directory, "v0")
        assert (
            trees(take(Model.open(model.directory), "again"))[1]
            == reference.resolve("v0", model.directory).state_tree
        )
        bring_back(model.directory, "v1")
        save_state(Model.open(model.directory), "initial")
        with refuses("v0", "states/initial/"):
            bring_back(model.directory, "v0")


class TestCode:
    def test_in_another_directory(self, two: Path, git: Git) -> None:
        git("mv", "code", "src", cwd=two)
        with (two / "settings.yaml").open("a") as file:
            file.write("code: src\n")
        third = take(Model.open(two), "v3")
        bring_back(two, "v1")
        assert trees(take(Model.open(two), "a")) == trees(reference.resolve("v1", two))
        bring_back(two, "v3")
        assert trees(take(Model.open(two), "b")) == trees(third)

    def test_line_ends_and_filters_are_git_s(self, model: Model, git: Git) -> None:
        here = model.directory
        (here / ".gitattributes").write_text("*.bat text eol=crlf\n*.up filter=up\n")
        git("config", "filter.up.clean", "tr a-z A-Z", cwd=here)
        git("config", "filter.up.smudge", "tr A-Z a-z", cwd=here)
        (here / "code" / ".gitattributes").write_text("inner.txt text eol=crlf\n")
        for name, content in {"x.bat": b"a\r\n", "x.up": b"UP\n", "inner.txt": b"b\r\n"}.items():
            (here / "code" / name).write_bytes(content)
        first = take(model, "v1")
        for name in ("x.bat", "x.up", "inner.txt", ".gitattributes"):
            (here / "code" / name).unlink()
        bring_back(here, "v1")
        assert (here / "code" / "x.bat").read_bytes() == b"a\r\n"
        assert (here / "code" / "x.up").read_bytes() == b"up\n"
        assert (here / "code" / "inner.txt").read_bytes() == b"b\r\n"
        (here / "code" / "x.up").write_bytes(b"UP\n")  # what a filter changes, a snapshot refuses
        assert take(Model.open(here), "v2").code_tree == first.code_tree

    def test_a_directory_becomes_a_file_and_back(self, model: Model) -> None:
        thing = model.directory / "code" / "thing"
        thing.write_text("file")
        take(model, "file")
        thing.unlink()
        (thing / "deep").mkdir(parents=True)
        (thing / "deep" / "x").write_text("x")
        (thing / "empty" / "er").mkdir(parents=True)
        take(Model.open(model.directory), "directory")
        bring_back(model.directory, "file")
        assert thing.read_text() == "file"
        bring_back(model.directory, "directory")
        assert (thing / "deep" / "x").read_text() == "x"

    def test_a_link_is_replaced_and_never_followed(self, two: Path, tmp_path: Path) -> None:
        outside = tmp_path / "outside"
        outside.mkdir()
        (outside / "größe 1.py").write_text("not ours")
        (two / "code" / "old").symlink_to(outside)
        with refuses("code/old", kind=WouldLose):
            bring_back(two, "v1")
        bring_back(two, "v1", force=True)
        assert (outside / "größe 1.py").read_text() == "not ours"
        assert (two / "code" / "old" / "größe 1.py").read_text() == "old\n"
        assert not (two / "code" / "old").is_symlink()

    def test_ignored_files_stay_unless_they_are_in_the_way(self, two: Path) -> None:
        (two / ".gitignore").write_text("/states/\n*.tmp\n/code/old\n")
        (two / "code" / "note.tmp").write_text("mine")
        bring_back(two, "v1", Component.STATE)
        (two / "code" / "old").mkdir()
        (two / "code" / "old" / "größe 1.py").write_text("precious")
        with refuses("v1", "code/old/größe 1.py", kind=WouldLose):
            bring_back(two, "v1")
        done = bring_back(two, "v1", force=True)
        assert (two / "code" / "old" / "größe 1.py").read_text() == "old\n"
        assert (two / "code" / "note.tmp").read_text() == "mine"
        assert names(done.ignored) == ["code/old/größe 1.py"]

    def test_ignored_directories_are_not_deleted(self, model: Model) -> None:
        code = model.directory / "code"
        (code / "cache").write_text("a file")
        take(model, "v1")
        (code / "cache").unlink()
        (code / "cache").mkdir()
        (code / "cache" / "x.tmp").write_text("x")
        (model.directory / ".gitignore").write_text("/states/\n*.tmp\n")
        with refuses(code / "cache" / "x.tmp"):
            bring_back(model.directory, "v1", force=True)
        assert (code / "cache" / "x.tmp").read_text() == "x"

    def test_a_repository_in_it_is_not_deleted(self, two: Path, git: Git) -> None:
        git("init", "--quiet", "code/inner", cwd=two)
        (two / "code" / "inner" / "x").write_text("x")
        git("add", ".", cwd=two / "code" / "inner")
        git("commit", "--quiet", "-m", "inner", cwd=two / "code" / "inner")
        before = picture(two)
        with refuses("code/inner", "git repository"):
            bring_back(two, "v1", force=True)
        assert picture(two) == before

    def test_a_missing_directory_comes_back(self, two: Path) -> None:
        for path in sorted((two / "code").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        (two / "code").rmdir()
        bring_back(two, "v1")
        assert trees(take(Model.open(two), "again")) == trees(reference.resolve("v1", two))


class TestTheState:
    def test_has_its_own_name_again_and_is_active(self, two: Path, fsck: Fsck) -> None:
        model = Model.open(two)
        save_state(model, "initial")
        put(model, "tuned", {"weights": b"tuned"})
        save_state(model, "tuned")
        use_state(model, "tuned")
        (two / "states" / "tuned" / "weights").write_bytes(b"not saved")
        done = bring_back(two, "v1", Component.STATE)
        assert (done.state, done.active) == ("initial", "initial")
        assert (two / "states" / "tuned" / "weights").read_bytes() == b"not saved"
        assert Model.open(two).active_state == "initial"
        assert trees(take(Model.open(two), "again"))[1] == trees(reference.resolve("v1", two))[1]
        again = bring_back(two, "v1", Component.STATE)
        assert (again.state, again.active) == (None, None)
        fsck(two)

    def test_that_is_gone_is_on_disk_again(self, two: Path, fsck: Fsck) -> None:
        model = Model.open(two)
        put(model, "tuned", {"weights": b"tuned"})
        save_state(model, "tuned")
        use_state(model, "tuned")
        remove.remove(model, ["initial"], force=True)
        assert bring_back(two, "v1").active == "initial"
        assert take(Model.open(two), "v3").state_tree == reference.resolve("v1", two).state_tree
        fsck(two)

    def test_that_is_saved_and_not_on_disk_is_written_out(self, two: Path) -> None:
        save_state(Model.open(two), "initial")
        take(Model.open(two), "v3")
        shutil.rmtree(two / "states" / "initial")
        assert bring_back(two, "v3").state == "initial"
        assert (two / "states" / "initial" / "weights").read_bytes() == b"second"


class TestTheCommand:
    def test_says_what_it_restored(self, two: Path, gitstore: Gitstore) -> None:
        for options, count in (["v1"], "6 files"), (["v1"], "nothing"), (["v2", "--settings"], "2 files"):
            outcome = gitstore("restore", *options, cwd=two / "code")
            assert (outcome.code, outcome.stdout, count in outcome.stderr) == (0, "", True), outcome
        outcome = gitstore("restore", "v2", "--json", cwd=two)
        assert (outcome.code, outcome.stderr) == (0, "")
        assert '"state": "initial"' in outcome.stdout

    def test_refuses(self, two: Path, gitstore: Gitstore) -> None:
        (two / "code" / "model.py").write_text("mine\n")
        outcome = gitstore("restore", "v1", cwd=two)
        assert (outcome.code, "code/model.py" in outcome.stderr) == (1, True), outcome
        assert gitstore("restore", "v1", "--force", cwd=two).code == 0
        assert gitstore("restore", "v9", cwd=two).code == 1

    def test_warns_of_a_name_that_is_not_committed(self, two: Path, git: Git, gitstore: Gitstore) -> None:
        text = (two / "settings.yaml").read_text()
        (two / "settings.yaml").write_text(text.replace("name: digits", "name: numbers", 1))
        git("commit", "--quiet", "--all", "-m", "another name", cwd=two)
        warning = gitstore("restore", "v1", cwd=two).stderr.splitlines()[0]
        assert "digits" in warning and "numbers" in warning
