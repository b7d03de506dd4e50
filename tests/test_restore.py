"""Bringing a working copy back to a snapshot, and never losing what git has nowhere."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from gitstore import capture, derive, detach, reference, state, state_removal, working_state
from gitstore.errors import GitstoreError, Locked
from gitstore.holdings import WouldLose
from gitstore.model import Model
from gitstore.objects import lock
from gitstore.objects.sources import FileChanged
from gitstore.restore import Part, Restored, restore
from gitstore.snapshot import Snapshot
from gitstore.working_code import CodeChange
from tests.support.commands import Fsck, Git, Gitstore, Outcome
from tests.support.failing import fails
from tests.support.models import git_state, noise, picture, put, refs, take
from tests.support.processes import kill, start

KEEP = "gitstore snapshot NAME keeps all of it; with --force it is lost"


def bring_back(directory: Path, name: str, *parts: Part, force: bool = False) -> Restored:
    """Restore as a fresh process would."""
    model = Model.open(directory)
    return restore(model, reference.resolve(name, directory), parts=parts or tuple(Part), force=force)


def trees(taken: Snapshot) -> tuple[object, ...]:
    return taken.code, taken.state, taken.settings_blob, taken.lock


def names(found: tuple[object, ...]) -> list[str]:
    return [str(path) for path in found]


@pytest.fixture
def two(model: Model) -> Path:
    """A model with v1, and v2 where everything differs from that: files added, changed, deleted, a lock."""
    here = model.directory
    (here / "code" / "old").mkdir()
    (here / "code" / "old" / "größe 1.py").write_text("old\n")
    take(model, "v1", "one")
    (here / "code" / "old" / "größe 1.py").unlink()
    (here / "code" / "old").rmdir()
    (here / "code" / "model.py").write_text("# changed\n")
    (here / "code" / "new").mkdir()
    (here / "code" / "new" / "run").write_text("#!/bin/sh\n")
    (here / "code" / "new" / "run").chmod(0o755)
    (here / "code" / "link").symlink_to("model.py")
    with (here / "settings.yaml").open("a") as file:
        file.write("description: the second\n")
    (here / "packages.lock").write_text("numpy==2.4.6\n")
    put(model, "initial", {"weights": b"second", "sub/more": b"more"})
    take(model, "v2", "two")
    return here


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
        state.save(Model.open(two), "initial")
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
            (Part.CODE, {"code/link", "code/model.py", "code/new/run", "code/old/größe 1.py"}),
            (Part.SETTINGS, {"settings.yaml", "packages.lock"}),
            (Part.STATE, {"states/initial/weights", "states/initial/sub/more"}),
        ],
    )
    def test_a_part_alone(self, two: Path, part: Part, changed: set[str]) -> None:
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
            == reference.resolve("v0", model.directory).state
        )
        bring_back(model.directory, "v1")
        state.save(Model.open(model.directory), "initial")
        with fails(
            "the state of v0 has no files, and an empty states/initial/ means initial as saved",
            hint="gitstore state rename gives initial another name; --code --settings leaves states alone",
        ):
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
        assert take(Model.open(here), "v2").code == first.code

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
        with pytest.raises(WouldLose, match=r"code/old$"):
            bring_back(two, "v1")
        bring_back(two, "v1", force=True)
        assert (outside / "größe 1.py").read_text() == "not ours"
        assert (two / "code" / "old" / "größe 1.py").read_text() == "old\n"
        assert not (two / "code" / "old").is_symlink()

    def test_ignored_files_stay_unless_they_are_in_the_way(self, two: Path) -> None:
        (two / ".gitignore").write_text("/states/\n*.tmp\n/code/old\n")
        (two / "code" / "note.tmp").write_text("mine")
        bring_back(two, "v1", Part.STATE)
        (two / "code" / "old").mkdir()
        (two / "code" / "old" / "größe 1.py").write_text("precious")
        with fails(
            "restoring v1 would lose a file that is neither committed nor saved: code/old/größe 1.py",
            WouldLose,
            KEEP,
        ):
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
        with fails(
            f"{code}/cache/x.tmp is ignored by git, and its directory stands where a file has to be",
            hint="move it away",
        ):
            bring_back(model.directory, "v1", force=True)
        assert (code / "cache" / "x.tmp").read_text() == "x"

    def test_a_repository_in_it_is_not_deleted(self, two: Path, git: Git) -> None:
        git("init", "--quiet", "code/inner", cwd=two)
        (two / "code" / "inner" / "x").write_text("x")
        git("add", ".", cwd=two / "code" / "inner")
        git("commit", "--quiet", "-m", "inner", cwd=two / "code" / "inner")
        before = picture(two)
        with pytest.raises(GitstoreError, match="code/inner is a git repository of its own"):
            bring_back(two, "v1", force=True)
        assert picture(two) == before

    def test_a_missing_directory_comes_back(self, two: Path) -> None:
        for path in sorted((two / "code").rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        (two / "code").rmdir()
        bring_back(two, "v1")
        assert trees(take(Model.open(two), "again")) == trees(reference.resolve("v1", two))


class TestWhatWouldBeLost:
    def test_is_named_and_counted(self, two: Path) -> None:
        before = picture(two)
        for number in range(6):
            (two / "code" / f"note-{number}.txt").write_text(f"{number}")
        (two / "states" / "initial" / "weights").write_bytes(b"unsaved")
        (two / "settings.yaml").write_text((two / "settings.yaml").read_text() + "# mine\n")
        edited = picture(two)
        with fails(
            "restoring v1 would lose 8 files that are neither committed nor saved: states/initial/weights,"
            " code/note-0.txt, code/note-1.txt, code/note-2.txt, code/note-3.txt and 3 more",
            WouldLose,
            KEEP,
        ):
            bring_back(two, "v1")
        assert picture(two) == edited != before

    def test_is_overwritten_with_force(self, two: Path) -> None:
        (two / "code" / "note.txt").write_text("note")
        (two / "states" / "initial" / "weights").write_bytes(b"unsaved")
        done = bring_back(two, "v1", force=True)
        assert names(done.lost) == ["states/initial/weights", "code/note.txt"]
        assert trees(take(Model.open(two), "again")) == trees(reference.resolve("v1", two))

    @pytest.mark.parametrize("part", list(Part))
    def test_is_only_what_the_part_would_overwrite(self, two: Path, part: Part) -> None:
        touched = {
            Part.CODE: two / "code" / "model.py",
            Part.STATE: two / "states" / "initial" / "weights",
            Part.SETTINGS: two / "packages.lock",
        }
        for other, path in touched.items():
            if other is not part:
                path.write_text("mine\n")
        bring_back(two, "v1", part)
        touched[part].write_text("mine\n")
        with pytest.raises(WouldLose) as caught:
            bring_back(two, "v1", part)
        assert names(caught.value.paths) == [str(touched[part].relative_to(two))]

    def test_is_nothing_that_the_snapshot_has_too(self, two: Path) -> None:
        """What a restore that was killed has done already does not stop its repeat."""
        bring_back(two, "v1", Part.CODE)
        (two / "settings.yaml").write_bytes(reference.resolve("v1", two).settings_content)
        bring_back(two, "v1")

    def test_is_nothing_that_a_saved_state_holds(self, two: Path) -> None:
        model = Model.open(two)
        put(model, "initial", {"weights": b"third"})
        with pytest.raises(WouldLose):
            bring_back(two, "v1")
        state.save(model, "initial")
        bring_back(two, "v1")

    def test_is_not_what_was_deleted(self, two: Path) -> None:
        (two / "states" / "initial" / "weights").unlink()
        (two / "code" / "model.py").unlink()
        (two / "settings.yaml").unlink()
        bring_back(two, "v1")
        assert trees(take(Model.open(two), "again")) == trees(reference.resolve("v1", two))

    def test_staged_is_not_committed(self, two: Path, git: Git) -> None:
        (two / "code" / "model.py").write_text("staged\n")
        git("add", "code/model.py", cwd=two)
        with pytest.raises(WouldLose, match=r"a file that is neither committed nor saved: code/model.py$"):
            bring_back(two, "v1")

    def test_a_change_while_it_works_is_noticed(self, two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        fill = state.fill

        def meanwhile(*arguments: object, **options: object) -> None:
            fill(*arguments, **options)  # type: ignore[arg-type]
            (two / "states" / "initial" / "weights").write_bytes(b"trained on")

        monkeypatch.setattr(state, "fill", meanwhile)
        with fails(
            f"{two}/states/initial/weights changed while it was being read",
            FileChanged,
            hint="nothing was restored; try again when nothing writes to it",
        ):
            bring_back(two, "v1")
        assert (two / "states" / "initial" / "weights").read_bytes() == b"trained on"
        assert os.listdir(two / "states") == ["initial"]
        assert not list(two.glob(".gitstore-*"))

    @pytest.mark.parametrize("name", ["model.py", "extra.py", "gone.py"])
    def test_an_edit_at_the_last_instant_is_not_lost(
        self, two: Path, monkeypatch: pytest.MonkeyPatch, name: str
    ) -> None:
        """Of a file that is replaced, one that is removed, and one that is in no place yet."""
        (two / "code" / "gone.py").write_text("in the snapshot\n")
        take(Model.open(two), "v3")
        (two / "code" / "gone.py").unlink()
        (two / "code" / "extra.py").write_text("no longer\n")
        (two / "code" / "model.py").write_text("another\n")
        take(Model.open(two), "v4")
        put_code = CodeChange.put

        def edited(*arguments: Any) -> None:
            (two / "code" / name).write_text("my edit\n")
            put_code(*arguments)

        monkeypatch.setattr(CodeChange, "put", edited)
        with pytest.raises(FileChanged, match=f"{name} changed"):
            bring_back(two, "v3", Part.CODE)
        assert (two / "code" / name).read_text() == "my edit\n"
        assert not list(two.rglob("*~*"))

    def test_a_file_where_the_state_should_be(self, two: Path) -> None:
        directory = two / "states" / "initial"
        for path in sorted(directory.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink()
        directory.rmdir()
        directory.write_text("a file")
        with fails(f"{directory} is not a directory, so no state can be there", hint="move it away"):
            bring_back(two, "v1", force=True)
        assert directory.read_text() == "a file"

    def test_a_state_that_is_a_link_to_elsewhere(self, two: Path, tmp_path: Path) -> None:
        (two / "states" / "initial").rename(tmp_path / "big disk")
        (two / "states" / "initial").symlink_to(tmp_path / "big disk")
        bring_back(two, "v1")
        assert (tmp_path / "big disk" / "weights").read_bytes() == b"second"
        assert trees(take(Model.open(two), "again")) == trees(reference.resolve("v1", two))


class TestWhatDoesNotFit:
    def test_a_snapshot_of_another_model(self, two: Path, git: Git) -> None:
        derive.derive(reference.resolve("v1", two), "dogs", two.parent / "dogs")
        take(Model.open(two.parent / "dogs"), "v1")
        hint = "gitstore export writes its files elsewhere; gitstore derive makes a model that is based on it"
        with fails("v1 is a snapshot of dogs, and this is digits", hint=hint):
            bring_back(two, "dogs@v1", force=True)
        with fails("v2 is a snapshot of digits, and this is dogs", hint=hint):
            bring_back(two.parent / "dogs", "digits@v2", force=True)

    def test_a_snapshot_of_another_repository(self, two: Path, tmp_path: Path, git: Git) -> None:
        git("clone", "--quiet", str(two), str(tmp_path / "clone"), cwd=tmp_path)
        with pytest.raises(GitstoreError, match=r"^v1 is a snapshot of digits, and this is digits$"):
            bring_back(two, "../clone@v1")

    def test_a_bare_repository(self, two: Path, tmp_path: Path, git: Git) -> None:
        git("clone", "--quiet", "--bare", str(two), str(tmp_path / "b.git"), cwd=tmp_path)
        with fails(
            "a bare repository has no working copy to restore",
            hint="gitstore export writes a snapshot's files",
        ):
            bring_back(tmp_path / "b.git", "v1")

    def test_a_root_model_may_have_been_renamed(self, two: Path, git: Git) -> None:
        text = (two / "settings.yaml").read_text()
        (two / "settings.yaml").write_text(text.replace("name: digits", "name: numbers", 1))
        git("commit", "--quiet", "--all", "-m", "another name", cwd=two)
        bring_back(two, "v1")
        assert (two / "settings.yaml").read_text().count("name: digits") == 1
        assert Model.open(two).name == "numbers"

    def test_another_command_is_at_it(self, two: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(lock, "PATIENCE", 0.1)
        before = picture(two)
        with (
            lock.working_copy(Model.open(two).repository.git_directory),
            fails("another gitstore command is using this working copy", Locked),
        ):
            bring_back(two, "v1")
        assert picture(two) == before


class TestADerivedModel:
    @pytest.fixture
    def dogs(self, two: Path) -> Path:
        """A model on v1, with a snapshot of its own; then its state and settings move on."""
        made = derive.derive(reference.resolve("v1", two), "dogs", two.parent / "dogs").model
        put(made, "initial", {"weights": b"dogs"})
        take(made, "v1")
        put(made, "initial", {"weights": b"more dogs"})
        with (made.directory / "settings.yaml").open("a") as file:
            file.write("description: dogs\n")
        take(made, "v2")
        return made.directory

    def test_goes_back(self, dogs: Path, fsck: Fsck) -> None:
        bring_back(dogs, "v1")
        again = capture.take(Model.open(dogs), "again").snapshot
        assert trees(again) == trees(reference.resolve("v1", dogs))
        fsck(dogs)

    def test_its_code_is_mended_and_read_only(self, dogs: Path) -> None:
        path = dogs / "code" / "old" / "größe 1.py"
        (dogs / "code" / "model.py").unlink()
        path.chmod(0o644)
        path.write_text("own code")
        with pytest.raises(
            WouldLose, match=r"a file that is neither committed nor saved: code/old/größe 1.py$"
        ):
            bring_back(dogs, "v1")
        bring_back(dogs, "v1", force=True)
        assert path.read_text() == "old\n"
        assert [each.stat().st_mode & 0o222 for each in (path, dogs / "code" / "model.py")] == [0, 0]
        assert trees(take(Model.open(dogs), "again")) == trees(reference.resolve("v1", dogs))

    def test_which_has_another_base_now(self, dogs: Path, two: Path, git: Git) -> None:
        base, other = reference.resolve("v1", two), reference.resolve("v2", two)
        text = (dogs / "settings.yaml").read_text()
        for old, new in (
            (base.oid, other.oid),
            (base.commit, other.commit),
            ("snapshot: v1", "snapshot: v2"),
        ):
            text = text.replace(str(old), str(new))
        (dogs / "settings.yaml").write_text(text)
        git("commit", "--quiet", "-m", "another base", "--", "settings.yaml", cwd=dogs)
        hint = "gitstore restore v1 --state brings back the state alone"
        with fails(
            "the code of v1 cannot be restored: dogs was based on digits@v1 then,"
            " and is based on digits@v2 now",
            hint=hint,
        ):
            bring_back(dogs, "v1", force=True)
        with fails(
            "the settings of v1 cannot be restored: dogs was based on digits@v1 then,"
            " and is based on digits@v2 now",
            hint=hint,
        ):
            bring_back(dogs, "v1", Part.SETTINGS)
        bring_back(dogs, "v1", Part.STATE)
        assert (dogs / "states" / "initial" / "weights").read_bytes() == b"dogs"

    def test_has_its_own_lock(self, dogs: Path, two: Path) -> None:
        with lock.working_copy(Model.open(two).repository.git_directory):
            bring_back(dogs, "v1")


class TestKilled:
    def test_at_any_instant_nothing_is_lost_and_a_repeat_finishes(
        self, request: pytest.FixtureRequest, model: Model, fsck: Fsck, gitstore: Gitstore
    ) -> None:
        here, kills = model.directory, request.config.getoption("--kills")
        content = noise(12_000_000)
        put(model, "initial", {"large": content})
        for number in range(30):
            (here / "code" / f"part-{number}.py").write_text(f"one {number}\n")
        sides = {"v1": trees(take(model, "v1"))}
        put(model, "initial", {"large": content[:-1] + b"!"})
        for number in range(30):
            (here / "code" / f"part-{number}.py").write_text(f"two {number}\n")
        sides["v2"] = trees(take(Model.open(here), "v2"))
        allowed = {f"{word} {number}\n" for word in ("one", "two") for number in range(30)}
        began = time.monotonic()
        assert gitstore("restore", "v1", cwd=here).code == 0
        duration = time.monotonic() - began
        for number in range(kills):
            goal = "v2" if number % 2 == 0 else "v1"
            process = start("restore", goal, cwd=here)
            time.sleep(duration * (0.3 + 0.7 * (number + 0.5) / kills))
            kill(process, group=True)
            for path in (here / "code").glob("part-*.py"):
                assert path.read_text() in allowed
            found = working_state.read(Model.open(here), "initial")
            assert found is not None
            assert found.tree in {side[1] for side in sides.values()}
            outcome = gitstore("restore", goal, cwd=here)
            assert outcome.code == 0, outcome.stderr
            assert trees(take(Model.open(here), f"after-{number}")) == sides[goal]
            assert os.listdir(here / "states") == ["initial"]
            assert not list(here.glob(".gitstore-*"))
        fsck(here)

    def test_an_old_state_that_had_moved_aside_comes_back(self, two: Path) -> None:
        """Where two directories cannot be exchanged at one instant, a crash may come between."""
        (two / "states" / "initial").rename(two / "states" / ".initial~old")
        (two / "states" / ".initial~new-x").mkdir()
        (two / "states" / ".initial~new-x" / "weights").write_bytes(b"half")
        with pytest.raises(WouldLose):
            (two / "states" / ".initial~old" / "weights").write_bytes(b"unsaved")
            bring_back(two, "v1")
        assert (two / "states" / "initial" / "weights").read_bytes() == b"unsaved"
        assert os.listdir(two / "states") == ["initial"]


class TestTheCommand:
    def test_says_what_it_restored(self, two: Path, gitstore: Gitstore) -> None:
        assert gitstore("restore", "v1", cwd=two / "code") == Outcome(
            0, "", "Restored v1: 6 files, state initial\n"
        )
        assert gitstore("restore", "v1", cwd=two) == Outcome(0, "", "Restored v1: nothing differed\n")
        assert gitstore("restore", "v2", "--settings", cwd=two).stderr == "Restored v2: 2 files\n"
        outcome = gitstore("restore", "v2", "--json", cwd=two)
        assert (outcome.code, outcome.stderr) == (0, "")
        assert '"state": "initial"' in outcome.stdout

    def test_refuses(self, two: Path, gitstore: Gitstore) -> None:
        (two / "code" / "model.py").write_text("mine\n")
        message = "error: restoring v1 would lose a file that is neither committed nor saved: code/model.py\n"
        assert gitstore("restore", "v1", cwd=two) == Outcome(1, "", f"{message}hint: {KEEP}\n")
        assert gitstore("restore", "v1", "--force", cwd=two).code == 0
        assert gitstore("restore", "v9", cwd=two).code == 1

    def test_warns_of_a_name_that_is_not_committed(self, two: Path, git: Git, gitstore: Gitstore) -> None:
        text = (two / "settings.yaml").read_text()
        (two / "settings.yaml").write_text(text.replace("name: digits", "name: numbers", 1))
        git("commit", "--quiet", "--all", "-m", "another name", cwd=two)
        assert gitstore("restore", "v1", cwd=two).stderr == (
            "settings.yaml says name: digits again; numbers is committed\n"
            "Restored v1: 6 files, state initial\n"
        )


class TestWhatGitWasToldNotToLookAt:
    """git update-index --assume-unchanged, and --skip-worktree: an edit there is an edit all the same."""

    @pytest.mark.parametrize("mark", ["--assume-unchanged", "--skip-worktree"])
    def test_an_edit_is_not_lost_and_is_in_a_snapshot(self, two: Path, git: Git, mark: str) -> None:
        git("update-index", mark, "code/model.py", cwd=two)
        (two / "code" / "model.py").write_text("my edit\n")
        index = (two / ".git" / "index").read_bytes()
        with pytest.raises(WouldLose) as caught:
            bring_back(two, "v1", Part.CODE)
        assert names(caught.value.paths) == ["code/model.py"]
        edited = take(Model.open(two), "edited")
        assert git("show", "edited:code/model.py", cwd=two) == "my edit\n"
        assert names(bring_back(two, "v1").files) != []
        assert trees(take(Model.open(two), "again")) == trees(reference.resolve("v1", two))
        bring_back(two, "edited")
        assert (two / "code" / "model.py").read_text() == "my edit\n"
        assert (two / ".git" / "index").read_bytes() == index
        assert edited.code != reference.resolve("v1", two).code


class TestTheState:
    def test_has_its_own_name_again_and_is_active(self, two: Path, fsck: Fsck) -> None:
        model = Model.open(two)
        state.save(model, "initial")
        put(model, "tuned", {"weights": b"tuned"})
        state.save(model, "tuned")
        state.use(model, "tuned")
        (two / "states" / "tuned" / "weights").write_bytes(b"not saved")
        done = bring_back(two, "v1", Part.STATE)
        assert (done.state, done.active) == ("initial", "initial")
        assert (two / "states" / "tuned" / "weights").read_bytes() == b"not saved"
        assert state.active(Model.open(two)) == "initial"
        assert trees(take(Model.open(two), "again"))[1] == trees(reference.resolve("v1", two))[1]
        again = bring_back(two, "v1", Part.STATE)
        assert (again.state, again.active) == (None, None)
        fsck(two)

    def test_that_is_gone_is_on_disk_again(self, two: Path, fsck: Fsck) -> None:
        model = Model.open(two)
        put(model, "tuned", {"weights": b"tuned"})
        state.save(model, "tuned")
        state.use(model, "tuned")
        state_removal.remove(model, ["initial"], force=True)
        assert bring_back(two, "v1").active == "initial"
        assert take(Model.open(two), "v3").state == reference.resolve("v1", two).state
        fsck(two)

    def test_that_is_saved_and_not_on_disk_is_written_out(self, two: Path) -> None:
        state.save(Model.open(two), "initial")
        take(Model.open(two), "v3")
        shutil.rmtree(two / "states" / "initial")
        assert bring_back(two, "v3").state == "initial"
        assert (two / "states" / "initial" / "weights").read_bytes() == b"second"


def test_a_model_that_was_detached_since_stays_so(two: Path, fsck: Fsck) -> None:
    dogs = derive.derive(reference.resolve("v1", two), "dogs", two.parent / "dogs").model
    put(dogs, "initial", {"weights": b"dogs"})
    first = take(dogs, "v1")
    detach.detach(dogs)
    (dogs.directory / "code" / "model.py").write_text("own\n")
    take(Model.open(dogs.directory), "v2")
    done = bring_back(dogs.directory, "v1")
    assert done.is_detached
    again = take(Model.open(dogs.directory), "again")
    assert trees(again)[:2] == trees(first)[:2]
    assert again.settings.based_on is not None
    assert again.settings.based_on.detached
    fsck(two)
