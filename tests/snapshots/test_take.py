from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.bigfiles.parts import LARGE
from gitstore.derive import worktree
from gitstore.errors import GitstoreError, InvalidName, NoSuchState
from gitstore.models.model import Model
from gitstore.snapshots import take as capture
from gitstore.states.materialize import materialize
from gitstore.states.save import save_state
from tests.support import scenes
from tests.support.commands import Fsck, Git, Run
from tests.support.failing import names, refuses
from tests.support.models import git_state, make, noise, picture, put, take, trailers
from tests.support.packs import pack_names
from tests.support.tracing import list_git_commands

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


class TestWhatItHolds:
    def test_exactly_code_settings_and_state(self, model: Model, git: Git, fsck: Fsck) -> None:
        """In one pack of the new objects; and the tag names all that is in it."""
        here, objects = model.directory, model.repository.common / "objects"

        def count() -> int:
            return len(git("cat-file", "--batch-all-objects", "--batch-check", cwd=here).splitlines())

        (here / "README.md").write_text("not part of it\n")
        git("add", "--all", cwd=here)
        before, there = set(pack_names(objects)), count()
        taken = capture.take(model, "v1", message="The first\n\nIt works.")
        listed = git("ls-tree", "-r", "-t", "--format=%(objectmode) %(path)", "v1", cwd=here)
        assert listed.splitlines() == [
            "040000 code",
            "100644 code/model.py",
            "100644 settings.yaml",
            "040000 state",
            "100644 state/weights",
        ]
        keys = {"Code-Tree": "code", "State-Tree": "state", "Settings-Blob": "settings.yaml"}
        ids = git("rev-parse", *(f"v1:{path}" for path in keys.values()), cwd=here).split()
        assert trailers(here, "v1") == {"Model": "digits", "State": "initial", "Gitstore-Format": "1"} | dict(
            zip(keys, ids, strict=True)
        )
        assert git("tag", "--list", "--format=%(objecttype) %(taggername) %(subject)", cwd=here) == (
            "tag Ada Lovelace The first\n"
        )
        assert taken.pack is not None
        new = set(pack_names(objects)) - before
        assert {name.rpartition(".")[2] for name in new} == {"pack", "idx", "keep"}
        assert taken.pack.objects == count() - there
        assert taken.pack.size == taken.pack.path.stat().st_size
        fsck(here)

    def test_without_a_message_it_gets_one(self, model: Model, git: Git) -> None:
        for number, message in enumerate((None, "", " \n ")):
            take(model, f"v{number}", message)
            subject = git("tag", "--list", "--format=%(subject)", f"v{number}", cwd=model.directory)
            assert subject == f"Snapshot v{number} of digits\n"

    def test_a_message_cannot_pass_for_trailers(self, model: Model) -> None:
        for number, message in enumerate(
            (
                "Model: other",
                "text\n\nGitstore-Format: 7",
                "a\n\nState: x\nState-Tree: y",
                "a\n\nState: x\n\n\n",
            )
        ):
            found = take(model, f"v{number}", message)
            assert (found.tag.trailers["Model"], found.tag.trailers["State"]) == ("digits", "initial")
            assert trailers(model.directory, f"v{number}")["Gitstore-Format"] == "1"
        assert take(model, "last", "after").name == "last"

    def test_the_code_and_settings_on_disk_without_ignored_files(self, model: Model, git: Git) -> None:
        """Edited ones, new ones, and not those that were removed."""
        code = model.directory / "code"
        (code / "other.py").write_text("other\n")
        git("add", "code", cwd=model.directory)
        git("commit", "--quiet", "-m", "other", cwd=model.directory)
        (code / "other.py").unlink()
        (code / "model.py").write_text("edited\n")
        (code / "new.py").write_text("untracked\n")
        (code / "junk.log").write_text("ignored\n")
        (model.directory / ".gitignore").write_text("/states/\n*.log\n")
        (model.directory / "settings.yaml").write_text("name: digits\ndescription: edited\n")
        take(model, "v1")
        names = git("ls-tree", "-r", "--name-only", "v1:code", cwd=model.directory).split()
        assert names == ["model.py", "new.py"]
        assert git("show", "v1:code/model.py", cwd=model.directory) == "edited\n"
        assert "description: edited" in git("show", "v1:settings.yaml", cwd=model.directory)

    def test_the_state_on_disk_or_else_the_saved_one(self, model: Model, git: Git) -> None:
        save_state(model, "initial")
        put(model, "initial", {"weights": b"modified"})
        take(model, "v1")
        (model.directory / "states" / "initial" / "weights").unlink()
        take(model, "v2")  # an empty directory hides no saved state
        (model.directory / "states" / "initial").rmdir()
        take(model, "v3")
        saved = "\0\1\2\3\4\5\6\7"
        for tag, weights in {"v1": "modified", "v2": saved, "v3": saved}.items():
            assert git("show", f"{tag}:state/weights", cwd=model.directory) == weights

    def test_packages_lock_if_there_is_one(self, model: Model, git: Git) -> None:
        (model.directory / "packages.lock").write_text("numpy==2.4.6 --hash=sha256:0\n")
        found = take(model, "v1")
        assert git("show", "v1:packages.lock", cwd=model.directory) == "numpy==2.4.6 --hash=sha256:0\n"
        assert str(found.lock_blob) == git("rev-parse", "v1:packages.lock", cwd=model.directory).strip()

    def test_a_message_cannot_pass_for_a_signature(self, model: Model) -> None:
        with pytest.raises(GitstoreError) as caught:
            take(model, "v1", "text\n-----BEGIN PGP SIGNATURE-----\n")
        assert names(caught.value, "-----BEGIN", "-----")

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

    def test_nothing_new_but_the_tag_and_its_commit(self, model: Model) -> None:
        put(model, "initial", {"large": noise(LARGE + 1)})
        take(model, "v1")
        again = capture.take(Model.open(model.directory), "v2")
        assert again.pack is not None
        assert (again.pack.objects, again.pack.size < 2000) == (2, True)


def test_git_is_asked_once(model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For its index, what it ignores, attributes, and who writes."""
    monkeypatch.delenv("GIT_COMMITTER_DATE")
    with list_git_commands(tmp_path / "trace", monkeypatch) as commands:
        capture.take(model, "v1")
    assert commands == ["config", "ls-files", "ls-files", "check-attr", "var", "update-ref"]


class TestWhereItComesFrom:
    def test_its_parent_is_the_branch_head_and_snapshots_are_siblings(self, model: Model, git: Git) -> None:
        """Were v1 the parent of v3, taken on its commit, removing v1 would never free a byte."""
        head = git("rev-parse", "HEAD", cwd=model.directory)
        take(model, "v1")
        take(model, "v2")
        git("checkout", "--quiet", "v1", cwd=model.directory)
        take(model, "v3")
        for tag in ("v1", "v2", "v3"):
            assert git("rev-parse", f"{tag}^@", cwd=model.directory) == head
        subjects = git("log", "--format=%s", "v1", cwd=model.directory).splitlines()
        assert subjects[1:] == ["A model that multiplies", "Make digits a gitstore model"]

    def test_a_detached_head_is_the_parent(self, model: Model, git: Git) -> None:
        git("commit", "--quiet", "--allow-empty", "-m", "more", cwd=model.directory)
        first = git("rev-parse", "HEAD~", cwd=model.directory)
        git("-c", "advice.detachedHead=false", "checkout", "--quiet", "HEAD~", cwd=model.directory)
        take(model, "v1")
        assert git("rev-parse", "v1^@", cwd=model.directory) == first

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
        save_state(model, "initial")
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
    def place(self, request: pytest.FixtureRequest, git: Git, tmp_path: Path) -> Model:
        if request.param == "derived worktree":
            dogs = scenes.derived(tmp_path, "v0")
            materialize(dogs, "initial")
            return dogs
        model = make(tmp_path / "digits")
        if request.param == "working copy":
            return model
        linked = tmp_path / "linked copy"
        git("worktree", "add", "--quiet", "-b", "side", str(linked), cwd=model.directory)
        put(Model.open(linked), "initial", {"w": b"w"})
        return Model.open(linked)

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
        save_state(place, "initial")
        if place.prefix == "":
            worktree.derive(take(place, "v2"), "cats", place.directory.parent / "cats")
        assert not ran.exists()
        assert picture(hooks).keys() >= set(HOOKS)

    def test_a_git_command_that_is_under_way(self, model: Model) -> None:
        """Somebody's commit holds the index's lock: a snapshot does not need it."""
        (model.directory / ".git" / "index.lock").touch()
        assert take(model, "v1").name == "v1"


class TestWhichState:
    def test_another_than_the_active_one(self, model: Model) -> None:
        put(model, "other", {"w": b"w"})
        taken = capture.take(model, "v1", state_name="other")
        assert (taken.state_name, taken.warnings) == ("other", ())
        assert taken.snapshot.tag.trailers["State"] == "other"
        assert model.active_state == "initial"
        with pytest.raises(NoSuchState):
            capture.take(model, "v2", state_name="none")
        with refuses("../initial", kind=InvalidName):
            capture.take(model, "v2", state_name="../initial")

    def test_one_without_files_is_warned_of(self, model: Model, run: Run) -> None:
        (model.claim_states() / "initial" / "weights").unlink()
        (warning,) = capture.take(model, "v1").warnings
        assert names(warning, "initial")
        put(model, "other", {"w": b"w"})
        done = run("snapshot", "v2", "--state", "other", cwd=model.directory)
        assert (done.code, "warning" in done.stderr) == (0, False)
