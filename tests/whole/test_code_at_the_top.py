"""`code: .` in settings.yaml: the top of the repository is the code directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.derive import detach, rebase, worktree
from gitstore.diff import diff
from gitstore.diff.status import read_status
from gitstore.models import init
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.run import evaluation
from gitstore.run.values.inputs import Assignments
from gitstore.snapshots import restore, verify
from gitstore.snapshots import take as capture
from gitstore.states.save import save_state
from tests.support import scenes
from tests.support.commands import Fsck, Git, git
from tests.support.failing import refuses
from tests.support.models import (
    MODEL,
    SETTINGS,
    git_state,
    picture,
    put,
    take,
    user_conditions,
    user_launcher,
)


@pytest.fixture
def flat(tmp_path: Path) -> Model:
    """An adopted repository with code, data and a dotfile at its top."""
    scenes.copy(_flat, tmp_path)
    return Model.open(tmp_path / "flat")


def _flat(root: Path) -> None:
    top = root / "flat"
    (top / "lib").mkdir(parents=True)
    files = {
        "model.py": MODEL,
        "lib/deep.py": "DEPTH = 1\n",
        ".gitignore": "/data/\n*.log\n",
        "README": "hello\n",
    }
    for name, text in files.items():
        (top / name).write_text(text)
    git("init", "--quiet", cwd=top)
    git("add", "--all", cwd=top)
    git("commit", "--quiet", "-m", "before", cwd=top)
    model = init.create_model(top, code=".").model
    (top / "settings.yaml").write_text(SETTINGS.format(name="flat") + "code: .\n")
    git("commit", "--quiet", "--all", "-m", "settings", cwd=top)
    (top / "data").mkdir()
    (top / "data" / "big.npz").write_bytes(b"x" * 100)
    (top / "train.log").write_text("noise\n")
    put(model, "initial", {"weights": b"\0\1\2\3"})


CODE = [".gitignore", "README", "lib/deep.py", "model.py"]


def code_of(snapshot: Snapshot) -> list[str]:
    return [str(file.path) for file in snapshot.list_code_files()]


def problems(snapshot: Snapshot) -> list[verify.SnapshotProblem]:
    return list(verify.verify(snapshot.repository, [(snapshot.ref, snapshot.tag_oid)]).problems)


def test_a_snapshot_holds_all_but_settings_states_and_ignored_files(
    flat: Model, git: Git, fsck: Fsck
) -> None:
    (flat.directory / "new.py").write_text("N = 1\n")
    (flat.directory / "packages.lock").write_text("# mine\n")
    before = git_state(flat.directory), picture(flat.directory)
    snapshot = take(flat, "v1")
    assert (git_state(flat.directory), picture(flat.directory)) == before
    assert code_of(snapshot) == [".gitignore", "README", "lib/deep.py", "model.py", "new.py"]
    assert git("ls-tree", "--name-only", "v1", cwd=flat.directory).split() == [
        "code", "packages.lock", "settings.yaml", "state",
    ]  # fmt: skip
    assert problems(snapshot) == []
    fsck(flat.directory)


@pytest.mark.parametrize("rules", ["", "settings.yaml\npackages.lock\nstates/*\n"])
def test_states_are_no_code_whatever_gitignore_says(flat: Model, git: Git, rules: str) -> None:
    (flat.directory / ".gitignore").write_text("/data/\n*.log\n" + rules)
    git("add", "--force", "states", cwd=flat.directory)
    assert code_of(take(flat, "v1")) == CODE
    assert [change.path for change in read_status(flat).uncommitted or ()] == [".gitignore"]


def test_states_can_be_a_link(flat: Model, tmp_path: Path) -> None:
    (flat.directory / "states").rename(tmp_path / "elsewhere")
    (flat.directory / "states").symlink_to(tmp_path / "elsewhere")
    (flat.directory / ".gitignore").write_text("/data/\n*.log\n")
    assert code_of(take(flat, "v1")) == CODE


def test_status_diff_and_restore(flat: Model) -> None:
    first = take(flat, "v1")
    assert read_status(flat).differs is False
    top = flat.directory
    (top / "lib" / "deep.py").write_text("DEPTH = 2\n")
    (top / "README").unlink()
    (top / "more").mkdir()
    (top / "more" / "new.py").write_text("")
    changes = [(file.path, file.kind) for file in diff.compare(first, flat).code.files]
    expected = [("README", "removed"), ("lib/deep.py", "changed"), ("more/new.py", "added")]
    assert changes == [(f"code/{path}", kind) for path, kind in expected]
    assert [tuple(change) for change in read_status(flat).code or ()] == changes
    done = restore.restore(flat, first, force=True)
    assert [str(path) for path in done.files] == ["README", "lib/deep.py", "more/new.py"]
    assert (top / "lib" / "deep.py").read_text() == "DEPTH = 1\n"
    assert sorted(os.listdir(top)) == sorted(
        [".git", ".gitignore", "README", "data", "lib", "model.py", "settings.yaml", "states", "train.log"]
    )
    assert read_status(flat).differs is False


def test_restore_does_not_put_code_over_the_settings(flat: Model, git: Git) -> None:
    """A snapshot from the time when code was in a directory can have a file called like ours in it."""
    top = flat.directory
    (top / "src").mkdir()
    (top / "src" / "settings.yaml").write_text("some: thing\n")
    (top / "settings.yaml").write_text(SETTINGS.format(name="flat") + "code: src\n")
    old = take(flat, "v1")
    git("checkout", "--quiet", "settings.yaml", cwd=top)
    before = picture(top)
    with refuses("settings.yaml", "top"):
        restore.restore(Model.open(top), old, components=[restore.Component.CODE], force=True)
    assert picture(top) == before


def test_a_link_to_what_is_no_code_is_refused(flat: Model) -> None:
    for target in ("states/initial/weights", "settings.yaml", "./lib/../states"):
        (flat.directory / "shortcut").symlink_to(target)
        with refuses("shortcut", target):
            take(flat, "v1")
        (flat.directory / "shortcut").unlink()


def test_only_ignored_files_are_no_code_at_all(tmp_path: Path, git: Git) -> None:
    git("init", "--quiet", cwd=tmp_path)
    model = init.create_model(tmp_path, name="m", code=".").model
    (tmp_path / ".gitignore").unlink()
    (tmp_path / ".git" / "info" / "exclude").write_text("*\n")
    with refuses("ignores"):
        capture.take(model, "v1")


def test_evaluate_runs_the_top(flat: Model) -> None:
    done = evaluation.evaluate_working_copy(
        flat, Assignments(["values=[1, 2]"], flat.directory), conditions=user_conditions()
    )
    assert done.outputs["products"].tolist() == [2.0, 4.0]
    done = evaluation.evaluate_snapshot(
        take(flat, "v1"), Assignments(["values=[1, 2]"], flat.directory), launcher=user_launcher()
    )
    assert done.outputs["products"].tolist() == [2.0, 4.0]


def test_a_derived_model_has_the_code_in_a_directory(
    flat: Model, tmp_path: Path, git: Git, fsck: Fsck
) -> None:
    first = take(flat, "v1")
    (flat.directory / "model.py").write_text(MODEL + "# more\n")
    second = take(flat, "v2")
    made = worktree.derive(first, "pup", tmp_path / "pup").model
    assert made.code_directory.as_posix() == "code"
    assert take(made, "v1").code_tree == first.code_tree
    assert rebase.rebase(made, second).commit is not None
    assert take(Model.open(made.directory), "v2").code_tree == second.code_tree
    assert detach.detach(Model.open(made.directory)).commit is not None
    assert git("status", "--porcelain", cwd=made.directory) == ""
    fsck(flat.directory)


def test_a_derived_model_with_its_code_at_the_top(flat: Model, tmp_path: Path, git: Git) -> None:
    """Somebody may move it there: it can be detached then, and not rebased."""
    first, second = take(flat, "v1"), take(flat, "v2")
    made = worktree.derive(first, "pup", tmp_path / "pup").model
    top = made.directory
    git("rm", "-q", "--cached", ".gitignore", cwd=top)
    (top / ".gitignore").unlink()
    for path in (top / "code").iterdir():
        path.rename(top / path.name)
    (top / "settings.yaml").write_text((top / "settings.yaml").read_text() + "code: .\n")
    git("add", "--all", cwd=top)
    git("commit", "--quiet", "-m", "moved", cwd=top)
    assert take(Model.open(top), "v1").code_tree == first.code_tree
    with refuses("top"):
        rebase.rebase(Model.open(top), second, force=True)
    modes = {path: path.stat().st_mode for path in (top / "states", top / ".git")}
    detach.detach(Model.open(top))
    assert os.access(top / "model.py", os.W_OK)
    assert {path: path.stat().st_mode for path in modes} == modes


def test_a_bare_repository(flat: Model, tmp_path: Path, git: Git, fsck: Fsck) -> None:
    first = take(flat, "v1")
    save_state(flat, "initial")
    git("clone", "--quiet", "--mirror", str(flat.directory), str(tmp_path / "bare.git"), cwd=tmp_path)
    bare = Model.open(tmp_path / "bare.git")
    assert diff.compare(first, bare).code.files == ()
    snapshot = capture.take(bare, "v2").snapshot
    assert snapshot.code_tree == first.code_tree
    assert problems(snapshot) == []
    fsck(tmp_path / "bare.git")
