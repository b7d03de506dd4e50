from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from gitstore.bigfiles.parts import LARGE
from gitstore.derive import worktree
from gitstore.derive.first_state import ABSENT, COPIED
from gitstore.errors import BadSettings, FileChanged, GitstoreError, Locked, NoSuchState, SnapshotExists
from gitstore.models.model import Model
from gitstore.objects.database import BrokenObject
from gitstore.snapshots import take as capture
from tests.support import scenes
from tests.support.commands import Fsck, Git
from tests.support.failing import names, refuses
from tests.support.models import noise, picture, put, refs, take
from tests.support.users import require_permissions


def refused(model: Model, name: str = "v1") -> GitstoreError:
    """The error of a snapshot that cannot be taken; nothing is recorded."""
    before = refs(model.directory), picture(model.directory), packs(model)
    with pytest.raises(GitstoreError) as caught:
        take(model, name)
    assert (refs(model.directory), picture(model.directory), packs(model)) == before
    return caught.value


def packs(model: Model) -> list[str]:
    directory = model.repository.common / "objects" / "pack"
    return sorted(path.name for path in directory.iterdir())


NO_NAMES = {
    "": "is empty",
    "v 1": "contains a space",
    "a/b": "contains '/'",
    "a@b": "contains '@'",
    "-v": "starts with '-'",
    "..": "starts with '.'",
    "v1.lock": "ends with '.lock'",
    "v..1": "contains '..'",
    "head": "is a name that git reserves",
    "a" * 40: "looks like an object id",
    "x" * 101: "is longer than 100 characters",
    "e\u0301": "is not in Unicode's composed form (NFC)",
}


class TestNames:
    def test_one_that_exists(self, tmp_path: Path) -> None:
        scenes.snapshot(tmp_path)
        error = refused(Model.open(tmp_path / "digits"))
        assert names(error, "v1")

    def test_any_tag_of_that_name(self, model: Model, git: Git) -> None:
        git("tag", "v1", cwd=model.directory)
        assert names(refused(model), "v1")

    def test_one_that_cannot_be(self, model: Model) -> None:
        before = refs(model.directory), picture(model.directory)
        for name, problem in NO_NAMES.items():
            with pytest.raises(GitstoreError) as caught:
                take(model, name)
            assert names(caught.value, repr(name), problem)
        assert (refs(model.directory), picture(model.directory)) == before

    @pytest.mark.parametrize("copy_state", [True, False])
    def test_one_that_a_derived_model_has(self, tmp_path: Path, *, copy_state: bool) -> None:
        first = scenes.snapshot(tmp_path)
        worktree.derive(first, "dogs", tmp_path / "dogs", state=COPIED if copy_state else ABSENT)
        error = refused(Model.open(tmp_path / "digits"), "dogs")
        assert names(error, "dogs")

    def test_one_that_is_only_a_branch_is_free(self, model: Model, git: Git) -> None:
        git("branch", "topic", cwd=model.directory)
        assert take(model, "topic").ref == "refs/tags/topic"

    def test_a_derived_model_s_snapshots_have_names_of_their_own(self, tmp_path: Path) -> None:
        dogs = scenes.derived(tmp_path)
        assert take(dogs, "v1").ref == "refs/tags/dogs/v1"
        assert take(dogs, "dogs").ref == "refs/tags/dogs/dogs"

    def test_non_ascii_is_fine(self, model: Model, fsck: Fsck) -> None:
        assert take(model, "größe-2", "Größer als zuvor").ref == "refs/tags/größe-2"
        fsck(model.directory)


class TestWhatCannotBeTaken:
    def test_settings_with_several_errors(self, model: Model) -> None:
        path = model.directory / "settings.yaml"
        path.write_text("name: digits\nfilesystem_size: big\ncolour: red\ncode: code\ncode: src\n")
        error = refused(model)
        assert isinstance(error, BadSettings)
        assert [problem.split(" ", 1)[0] for problem in error.problems] == [
            "settings.yaml:2:",
            "settings.yaml:3:",
            "settings.yaml:5:",
        ]
        assert "'big' is not a size" in error.problems[0]

    def test_settings_that_are_gone(self, model: Model) -> None:
        (model.directory / "settings.yaml").unlink()
        error = refused(model)
        assert names(error, f"{model.directory}/settings.yaml")

    def test_a_based_on_that_somebody_wrote(self, model: Model) -> None:
        path = model.directory / "settings.yaml"
        oid = "0" * 40
        path.write_text(
            path.read_text() + f"based_on: {{model: x, snapshot: v1, tag: '{oid}', commit: '{oid}'}}\n"
        )
        error = refused(model)
        assert names(error, "settings.yaml")

    def test_code_over_filesystem_size(self, model: Model) -> None:
        (model.directory / "code" / "data.bin").write_bytes(noise(1024 * 1024))
        error = refused(model)
        assert names(error, "filesystem_size", "settings.yaml")

    def test_code_that_is_gone(self, model: Model, git: Git) -> None:
        (model.directory / "code" / "model.py").unlink()
        (model.directory / "code").rmdir()
        assert names(refused(model), f"{model.directory}/code")

    def test_code_that_git_ignores(self, model: Model, git: Git) -> None:
        git("rm", "--quiet", "--cached", "code/model.py", cwd=model.directory)
        (model.directory / ".gitignore").write_text("/states/\n/code/*\n")
        assert names(refused(model), f"{model.directory}/code")

    def test_a_state_that_is_nowhere(self, model: Model) -> None:
        (model.directory / "states" / "initial" / "weights").unlink()
        (model.directory / "states" / "initial").rmdir()
        error = refused(model)
        assert isinstance(error, NoSuchState)
        assert names(error, "initial")

    def test_a_state_with_a_dangling_link(self, model: Model) -> None:
        link = model.directory / "states" / "initial" / "link"
        link.symlink_to("nowhere")
        error = refused(model)
        assert names(error, link, "nowhere")

    def test_a_state_that_changes_while_it_is_read(self, model: Model) -> None:
        path = put(model, "initial", {"large": noise(LARGE + 1)}) / "large"

        def scribble(_: int) -> None:
            with path.open("ab") as file:
                file.write(b"more")

        before = refs(model.directory)
        with pytest.raises(FileChanged) as caught:
            capture.take(model, "v1", progress=scribble)
        assert caught.value.path == path
        assert refs(model.directory) == before
        assert capture.take(Model.open(model.directory), "v1").snapshot.name == "v1"

    def test_a_name_that_somebody_else_took_meanwhile(self, model: Model, git: Git) -> None:
        def hurry(_: int) -> None:
            git("tag", "-m", "quick", "v1", cwd=model.directory)

        with refuses("v1", "meanwhile", kind=SnapshotExists):
            capture.take(model, "v1", progress=hurry)
        assert git("tag", "--list", "--format=%(subject)", cwd=model.directory) == "quick\n"

    def test_a_ref_that_a_crash_left_locked(self, model: Model) -> None:
        lock = model.directory / ".git" / "refs" / "tags" / "v1.lock"
        lock.touch()
        with pytest.raises(Locked) as caught:
            take(model, "v1")
        assert names(caught.value, "refs/tags/v1")
        lock.unlink()
        assert take(model, "v1").name == "v1"

    def test_a_clone_without_the_state(self, model: Model, git: Git, tmp_path: Path) -> None:
        git("clone", "--quiet", "--bare", str(model.directory), "b.git", cwd=tmp_path)
        with pytest.raises(NoSuchState):
            take(Model.open(tmp_path / "b.git"), "v1")

    def test_a_damaged_branch(self, model: Model, git: Git) -> None:
        oid = git("rev-parse", "HEAD:settings.yaml", cwd=model.directory).strip()
        path = model.directory / ".git" / "objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.write_bytes(b"garbage")
        with refuses(oid, kind=BrokenObject):
            take(model, "v1")
        assert "refs/tags/v1" not in refs(model.directory)


def test_an_unreadable_file_is_named(model: Model) -> None:
    require_permissions()
    path = model.directory / "states" / "initial" / "weights"
    before, mode = (refs(model.directory), packs(model)), path.stat().st_mode
    path.chmod(0)
    with pytest.raises(GitstoreError) as caught:
        take(model, "v1")
    path.chmod(mode)
    assert names(caught.value, path, os.strerror(errno.EACCES))
    assert (refs(model.directory), packs(model)) == before
