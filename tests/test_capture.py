from __future__ import annotations

from pathlib import Path

import pytest

from gitstore import capture, derive, state
from gitstore.errors import BadSettings, Corrupt, GitstoreError, Locked
from gitstore.first_state import ABSENT, COPIED
from gitstore.model import Model
from gitstore.state import NoSuchState
from tests.support.commands import Fsck, Git, Run
from tests.support.models import git_state, make, noise, picture, put, refs, take, trailers
from tests.support.users import require_permissions

HOOKS = [
    "applypatch-msg",
    "pre-applypatch",
    "post-applypatch",
    "pre-commit",
    "pre-merge-commit",
    "prepare-commit-msg",
    "commit-msg",
    "post-commit",
    "pre-rebase",
    "post-checkout",
    "post-merge",
    "pre-push",
    "pre-receive",
    "update",
    "proc-receive",
    "post-receive",
    "post-update",
    "reference-transaction",
    "push-to-checkout",
    "pre-auto-gc",
    "post-rewrite",
    "sendemail-validate",
    "fsmonitor-watchman",
    "p4-changelist",
    "p4-prepare-changelist",
    "p4-post-changelist",
    "p4-pre-submit",
    "post-index-change",
]


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


class TestWhatItHolds:
    def test_exactly_code_settings_and_state(self, model: Model, git: Git, fsck: Fsck) -> None:
        (model.directory / "README.md").write_text("not part of it\n")
        git("add", "--all", cwd=model.directory)
        take(model, "v1")
        listed = git("ls-tree", "-r", "-t", "--format=%(objectmode) %(path)", "v1", cwd=model.directory)
        assert listed.splitlines() == [
            "040000 code",
            "100644 code/model.py",
            "100644 settings.yaml",
            "040000 state",
            "100644 state/weights",
        ]
        fsck(model.directory)

    def test_packages_lock_if_there_is_one(self, model: Model, git: Git) -> None:
        (model.directory / "packages.lock").write_text("numpy==2.4.6 --hash=sha256:0\n")
        found = take(model, "v1")
        assert git("show", "v1:packages.lock", cwd=model.directory) == "numpy==2.4.6 --hash=sha256:0\n"
        assert str(found.lock) == git("rev-parse", "v1:packages.lock", cwd=model.directory).strip()

    def test_the_tag_names_all_that_is_in_it(self, model: Model, git: Git) -> None:
        take(model, "v1", "The first\n\nIt works.")
        here = model.directory
        objects = {
            key: git("rev-parse", f"v1:{path}", cwd=here).strip()
            for key, path in {
                "Code-Tree": "code",
                "State-Tree": "state",
                "Settings-Blob": "settings.yaml",
            }.items()
        }
        assert trailers(here, "v1") == {"Model": "digits", "State": "initial"} | objects | {
            "Gitstore-Format": "1"
        }
        assert git("tag", "--list", "--format=%(objecttype) %(taggername) %(subject)", cwd=here) == (
            "tag Ada Lovelace The first\n"
        )

    @pytest.mark.parametrize("message", [None, "", " \n "])
    def test_without_a_message_it_gets_one(self, model: Model, git: Git, message: str | None) -> None:
        take(model, "v1", message)
        assert git("tag", "--list", "--format=%(subject)", cwd=model.directory) == "Snapshot v1 of digits\n"

    @pytest.mark.parametrize(
        "message",
        ["Model: other", "text\n\nGitstore-Format: 7", "a\n\nState: x\nState-Tree: y", "a\n\nState: x\n\n\n"],
    )
    def test_a_message_cannot_pass_for_trailers(self, model: Model, message: str) -> None:
        found = take(model, "v1", message)
        assert (found.tag.trailers["Model"], found.tag.trailers["State"]) == ("digits", "initial")
        assert trailers(model.directory, "v1")["Gitstore-Format"] == "1"
        assert take(model, "v2", "after").name == "v2"

    def test_a_message_cannot_pass_for_a_signature(self, model: Model) -> None:
        with pytest.raises(GitstoreError) as caught:
            take(model, "v1", "text\n-----BEGIN PGP SIGNATURE-----\n")
        assert caught.value.message == (
            "the message has the line '-----BEGIN PGP SIGNATURE-----', with which git lets a signature begin"
        )

    def test_uncommitted_edits_are_in_and_ignored_files_are_not(self, model: Model, git: Git) -> None:
        code = model.directory / "code"
        (code / "model.py").write_text("edited\n")
        (code / "new.py").write_text("untracked\n")
        (code / "junk.log").write_text("ignored\n")
        (model.directory / ".gitignore").write_text("/states/\n*.log\n")
        (model.directory / "settings.yaml").write_text("name: digits\ndescription: edited\n")
        take(model, "v1")
        assert git("ls-tree", "-r", "--name-only", "v1:code", cwd=model.directory).split() == [
            "model.py",
            "new.py",
        ]
        assert git("show", "v1:code/model.py", cwd=model.directory) == "edited\n"
        assert "description: edited" in git("show", "v1:settings.yaml", cwd=model.directory)

    def test_a_file_removed_from_disk_is_not_in_it(self, model: Model, git: Git) -> None:
        (model.directory / "code" / "other.py").write_text("other\n")
        git("add", "code", cwd=model.directory)
        git("commit", "--quiet", "-m", "other", cwd=model.directory)
        (model.directory / "code" / "other.py").unlink()
        take(model, "v1")
        assert git("ls-tree", "-r", "--name-only", "v1:code", cwd=model.directory) == "model.py\n"

    def test_the_state_on_disk_goes_before_the_saved_one(self, model: Model, git: Git) -> None:
        state.save(model, "initial")
        put(model, "initial", {"weights": b"modified"})
        take(model, "v1")
        assert git("show", "v1:state/weights", cwd=model.directory) == "modified"

    def test_the_saved_state_if_it_is_not_on_disk(self, model: Model, git: Git) -> None:
        state.save(model, "initial")
        (model.directory / "states" / "initial" / "weights").unlink()
        take(model, "v1")  # an empty directory hides no saved state
        (model.directory / "states" / "initial").rmdir()
        take(model, "v2")
        for tag in ("v1", "v2"):
            assert git("show", f"{tag}:state/weights", cwd=model.directory) == "\0\1\2\3\4\5\6\7"

    def test_an_empty_state_is_one_too(self, model: Model, git: Git, fsck: Fsck) -> None:
        (model.directory / "states" / "initial" / "weights").unlink()
        take(model, "v1")
        assert git("ls-tree", "v1:state", cwd=model.directory) == ""
        fsck(model.directory)

    def test_code_from_another_directory_is_called_code(self, tmp_path: Path, git: Git) -> None:
        model = make(tmp_path / "m")
        git("mv", "code", "src", cwd=model.directory)
        settings = (model.directory / "settings.yaml").read_text()
        (model.directory / "settings.yaml").write_text(settings + "code: src\n")
        take(model, "v1")
        assert git("ls-tree", "-r", "--name-only", "v1:code", cwd=model.directory) == "model.py\n"

    def test_one_write_is_one_pack_of_the_new_objects(self, model: Model, git: Git) -> None:
        def count() -> int:
            described = git("cat-file", "--batch-all-objects", "--batch-check", cwd=model.directory)
            return len(described.splitlines())

        before, there = set(packs(model)), count()
        taken = capture.take(model, "v1")
        assert taken.pack is not None
        new = set(packs(model)) - before
        assert {name.rpartition(".")[2] for name in new} == {"pack", "idx", "keep"}
        assert taken.pack.objects == count() - there
        assert taken.pack.size == taken.pack.path.stat().st_size

    def test_nothing_new_but_the_tag_and_its_commit(self, model: Model) -> None:
        put(model, "initial", {"large": noise(5_000_000)})
        take(model, "v1")
        again = capture.take(Model.open(model.directory), "v2")
        assert again.pack is not None
        assert (again.pack.objects, again.pack.size < 2000) == (2, True)


class TestWhereItComesFrom:
    def test_its_parent_is_the_branch_head_and_snapshots_are_siblings(self, model: Model, git: Git) -> None:
        head = git("rev-parse", "HEAD", cwd=model.directory)
        take(model, "v1")
        take(model, "v2")
        for tag in ("v1", "v2"):
            assert git("rev-parse", f"{tag}^@", cwd=model.directory) == head
        subjects = git("log", "--format=%s", "v1", cwd=model.directory).splitlines()
        assert subjects[1:] == ["A model that multiplies", "Make digits a gitstore model"]

    def test_a_detached_head_is_the_parent(self, model: Model, git: Git) -> None:
        git("commit", "--quiet", "--allow-empty", "-m", "more", cwd=model.directory)
        first = git("rev-parse", "HEAD~", cwd=model.directory)
        git("-c", "advice.detachedHead=false", "checkout", "--quiet", "HEAD~", cwd=model.directory)
        take(model, "v1")
        assert git("rev-parse", "v1^@", cwd=model.directory) == first

    def test_on_another_snapshot_s_commit_they_become_siblings(self, model: Model, git: Git) -> None:
        """Were v1 the parent of v2, removing v1 would never free a byte."""
        head = git("rev-parse", "HEAD", cwd=model.directory)
        take(model, "v1")
        git("checkout", "--quiet", "v1", cwd=model.directory)
        take(model, "v2")
        assert git("rev-parse", "v2^@", cwd=model.directory) == head

    def test_an_unborn_branch_gives_a_commit_without_parents(
        self, tmp_path: Path, git: Git, fsck: Fsck
    ) -> None:
        git("init", "--quiet", cwd=tmp_path)
        (tmp_path / "code").mkdir()
        (tmp_path / "code" / "model.py").write_text("pass\n")
        (tmp_path / "settings.yaml").write_text("name: m\n")
        (tmp_path / "states" / "initial").mkdir(parents=True)
        take(Model.open(tmp_path), "v1")
        assert git("rev-parse", "v1^@", cwd=tmp_path) == ""
        assert git("ls-files", cwd=tmp_path) == ""
        fsck(tmp_path)

    def test_of_a_bare_repository_the_branch_head_and_the_saved_state(
        self, model: Model, git: Git, fsck: Fsck, tmp_path: Path
    ) -> None:
        state.save(model, "initial")
        git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
        take(Model.open(tmp_path / "b.git"), "v1")
        for ours, theirs in {"v1:code": "HEAD:code", "v1:settings.yaml": "HEAD:settings.yaml"}.items():
            assert git("rev-parse", ours, cwd=tmp_path / "b.git") == git(
                "rev-parse", theirs, cwd=model.directory
            )
        assert git("show", "v1:state/weights", cwd=tmp_path / "b.git") == "\0\1\2\3\4\5\6\7"
        fsck(tmp_path / "b.git")


class TestWhatItLeavesAlone:
    @pytest.fixture(params=["working copy", "linked worktree", "derived worktree"])
    def place(self, request: pytest.FixtureRequest, model: Model, git: Git, tmp_path: Path) -> Model:
        if request.param == "working copy":
            return model
        linked = tmp_path / "linked copy"
        if request.param == "linked worktree":
            git("worktree", "add", "--quiet", "-b", "side", str(linked), cwd=model.directory)
            put(Model.open(linked), "initial", {"w": b"w"})
            return Model.open(linked)
        dogs = derive.derive(take(model, "v0"), "dogs", linked).model
        state.materialise(dogs, "initial")
        return dogs

    def test_index_branch_and_files(self, place: Model, git: Git, fsck: Fsck) -> None:
        if not place.prefix:
            (place.directory / "code" / "model.py").write_text("staged\n")
            git("add", "code", cwd=place.directory)
            (place.directory / "code" / "model.py").write_text("edited\n")
            (place.directory / "code" / "untracked.py").write_text("new\n")
        before = picture(place.directory), git_state(place.directory)
        take(place, "v1")
        assert (picture(place.directory), git_state(place.directory)) == before
        fsck(place.directory)

    def test_the_users_hooks(self, place: Model, git: Git) -> None:
        hooks = Path(
            git("rev-parse", "--path-format=absolute", "--git-path", "hooks", cwd=place.directory).strip()
        )
        ran = place.directory.parent / "ran"
        for name in HOOKS:
            (hooks / name).write_text(f'#!/bin/sh\necho "{name}" >>"{ran}"; exit 1\n')
            (hooks / name).chmod(0o755)
        take(place, "v1")
        state.save(place, "initial")
        if place.prefix == "":
            derive.derive(take(place, "v2"), "cats", place.directory.parent / "cats")
        assert not ran.exists()
        assert picture(hooks).keys() >= set(HOOKS)

    def test_a_git_command_that_is_under_way(self, model: Model) -> None:
        """Somebody's commit holds the index's lock: a snapshot does not need it."""
        (model.directory / ".git" / "index.lock").touch()
        assert take(model, "v1").name == "v1"


class TestNames:
    def test_one_that_exists(self, model: Model) -> None:
        take(model, "v1")
        error = refused(model)
        assert error.message == "the snapshot v1 exists already, and a snapshot never changes"
        assert error.hint == "choose another name"

    def test_any_tag_of_that_name(self, model: Model, git: Git) -> None:
        git("tag", "v1", cwd=model.directory)
        assert refused(model).message == "the snapshot v1 exists already, and a snapshot never changes"

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("", "is empty"),
            ("v 1", "has a space in it"),
            ("a/b", "has '/' in it"),
            ("a@b", "has '@' in it"),
            ("-v", "starts with '-'"),
            ("..", "starts with '.'"),
            ("v1.lock", "ends with '.lock'"),
            ("v..1", "has '..' in it"),
            ("head", "is a name that git keeps for itself"),
            ("a" * 40, "looks like an object id"),
            ("x" * 101, "is longer than 100 characters"),
            ("e\u0301", "is not in Unicode's composed form (NFC)"),
        ],
    )
    def test_one_that_cannot_be(self, model: Model, name: str, problem: str) -> None:
        assert refused(model, name).message == f"{name!r} cannot be the name of a snapshot: it {problem}"

    @pytest.mark.parametrize("copy_state", [True, False])
    def test_one_that_a_derived_model_has(self, model: Model, *, copy_state: bool) -> None:
        derive.derive(
            take(model, "v1"), "dogs", model.directory.parent / "dogs", state=COPIED if copy_state else ABSENT
        )
        error = refused(model, "dogs")
        assert error.message == "dogs is the name of a derived model, so no snapshot can have it"

    def test_one_that_is_only_a_branch_is_free(self, model: Model, git: Git) -> None:
        git("branch", "topic", cwd=model.directory)
        assert take(model, "topic").ref == "refs/tags/topic"

    def test_a_derived_model_s_snapshots_have_names_of_their_own(self, model: Model) -> None:
        dogs = derive.derive(take(model, "v1"), "dogs", model.directory.parent / "dogs").model
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
        assert error.message == f"{model.directory}/settings.yaml is gone"
        assert error.hint == "git checkout -- settings.yaml brings it back"

    def test_a_based_on_that_somebody_wrote(self, model: Model) -> None:
        path = model.directory / "settings.yaml"
        oid = "0" * 40
        path.write_text(
            path.read_text() + f"based_on: {{model: x, snapshot: v1, tag: '{oid}', commit: '{oid}'}}\n"
        )
        error = refused(model)
        assert (
            error.message
            == "settings.yaml: based_on: is not what gitstore wrote there, and only gitstore changes it"
        )
        assert error.hint == "git checkout HEAD -- settings.yaml brings it back"

    def test_code_over_filesystem_size(self, model: Model) -> None:
        (model.directory / "code" / "data.bin").write_bytes(noise(1024 * 1024))
        error = refused(model)
        assert error.message == (
            "code/ has 1.0 MiB, more than filesystem_size in settings.yaml allows (1.0 MiB)"
        )
        assert error.hint == (
            "raise filesystem_size, or make git ignore what is not code; weights belong into states/"
        )

    def test_code_that_is_gone(self, model: Model, git: Git) -> None:
        (model.directory / "code" / "model.py").unlink()
        (model.directory / "code").rmdir()
        assert refused(model).message == f"{model.directory}/code is not there, so there is no code to take"

    def test_code_that_git_ignores(self, model: Model, git: Git) -> None:
        git("rm", "--quiet", "--cached", "code/model.py", cwd=model.directory)
        (model.directory / ".gitignore").write_text("/states/\n/code/*\n")
        assert refused(model).message == f"{model.directory}/code has no files that git does not ignore"

    def test_a_state_that_is_nowhere(self, model: Model) -> None:
        (model.directory / "states" / "initial" / "weights").unlink()
        (model.directory / "states" / "initial").rmdir()
        error = refused(model)
        assert isinstance(error, NoSuchState)
        assert error.message == "the state initial is neither on disk nor saved"
        assert error.hint == f"put its files into {model.directory}/states/initial/, or gitstore state create"

    def test_a_state_with_a_dangling_link(self, model: Model) -> None:
        link = model.directory / "states" / "initial" / "link"
        link.symlink_to("nowhere")
        error = refused(model)
        assert (error.message, error.hint) == (
            f"{link} is a link to nowhere, which is not there",
            "repair or remove the link",
        )

    def test_a_state_that_changes_while_it_is_read(self, model: Model) -> None:
        path = put(model, "initial", {"large": noise(9_000_000)}) / "large"

        def scribble(_: int) -> None:
            with path.open("ab") as file:
                file.write(b"more")

        before = refs(model.directory)
        with pytest.raises(GitstoreError) as caught:
            capture.take(model, "v1", progress=scribble)
        assert caught.value.message == f"{path} changed while it was being read"
        assert caught.value.hint == "nothing was recorded; try again when nothing writes to it"
        assert refs(model.directory) == before
        assert capture.take(Model.open(model.directory), "v1").snapshot.name == "v1"

    def test_a_name_that_somebody_else_took_meanwhile(self, model: Model, git: Git) -> None:
        def hurry(_: int) -> None:
            git("tag", "-m", "quick", "v1", cwd=model.directory)

        with pytest.raises(GitstoreError) as caught:
            capture.take(model, "v1", progress=hurry)
        assert caught.value.message == "the snapshot v1 exists already: somebody took it meanwhile"
        assert git("tag", "--list", "--format=%(subject)", cwd=model.directory) == "quick\n"

    def test_a_ref_that_a_crash_left_locked(self, model: Model) -> None:
        lock = model.directory / ".git" / "refs" / "tags" / "v1.lock"
        lock.touch()
        with pytest.raises(Locked) as caught:
            take(model, "v1")
        assert caught.value.message == "refs/tags/v1 is locked by another git process"
        assert caught.value.hint == f"if none is running, a crash left the lock: remove {lock}"
        lock.unlink()
        assert take(model, "v1").name == "v1"

    def test_a_clone_without_the_state(self, model: Model, git: Git, tmp_path: Path) -> None:
        git("clone", "--quiet", "--bare", str(model.directory), "b.git", cwd=tmp_path)
        with pytest.raises(NoSuchState) as caught:
            take(Model.open(tmp_path / "b.git"), "v1")
        assert caught.value.hint == (
            "a bare repository has no states on disk: save it in a clone, and push it here,"
            " or gitstore state create"
        )

    def test_a_damaged_branch(self, model: Model, git: Git) -> None:
        oid = git("rev-parse", "HEAD:settings.yaml", cwd=model.directory).strip()
        path = model.directory / ".git" / "objects" / oid[:2] / oid[2:]
        path.chmod(0o644)
        path.write_bytes(b"garbage")
        with pytest.raises(Corrupt, match=f"object {oid} is corrupt"):
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
    assert caught.value.message == f"{path}: Permission denied"
    assert (refs(model.directory), packs(model)) == before


class TestWhichState:
    def test_another_than_the_active_one(self, model: Model) -> None:
        put(model, "other", {"w": b"w"})
        taken = capture.take(model, "v1", of_state="other")
        assert (taken.state, taken.warnings) == ("other", ())
        assert taken.snapshot.tag.trailers["State"] == "other"
        assert state.active(model) == "initial"
        with pytest.raises(NoSuchState):
            capture.take(model, "v2", of_state="none")
        with pytest.raises(GitstoreError, match="cannot be the name of a state"):
            capture.take(model, "v2", of_state="../initial")

    def test_one_without_files_is_warned_of(self, model: Model, run: Run) -> None:
        (model.states / "initial" / "weights").unlink()
        (warning,) = capture.take(model, "v1").warnings
        assert warning.message == "the state initial has no files, so the snapshot holds no weights"
        put(model, "other", {"w": b"w"})
        done = run("snapshot", "v2", "--state", "other", cwd=model.directory)
        assert (done.code, "warning" in done.stderr) == (0, False)
