"""`gitstore status`: how a model stands, wherever it is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.diff.status import read_status
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.states.save import save_state
from gitstore.states.use import use_state
from tests.support import scenes
from tests.support.commands import Git, Outcome, Run, parsed
from tests.support.models import again, edit, git_state, put, take, write
from tests.support.shapes import snapshot_shape

NEW = """\
model:     digits
directory: {directory}
branch:    main
state:     initial, on disk
  (gitstore state save saves it; until then, git clean -fdX would delete it)
snapshot:  none yet
  (gitstore snapshot NAME takes one)
"""

CHANGED = """\
model:     digits
directory: {directory}
branch:    main
state:     initial, modified
  (gitstore state save saves the changes; until then, git clean -fdX would delete them)
snapshot:  v1, 2023-11-14 22:13
differs from v1:
  settings: 1 key: filesystem_size
  code:     4 files: code/a ä.py, code/b.py, code/c.py and 1 more
  state:    2 files: new, weights
  (gitstore snapshot NAME takes another)
not committed: 5 files: code/a ä.py, code/b.py, code/c.py and 2 more
"""


@pytest.fixture
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Model:
    return scenes.model(tmp_path, request.fixturenames)


@pytest.fixture
def v1(model: Model, tmp_path: Path) -> Snapshot:
    return scenes.find(tmp_path)


def test_without_a_snapshot(run: Run, model: Model) -> None:
    expected = Outcome(0, NEW.format(directory=model.directory), "")
    assert run("status", cwd=model.directory) == expected
    assert run("status", cwd=model.directory / "code") == expected


def test_what_the_last_snapshot_holds_is_not_lost(run: Run, model: Model, v1: Snapshot) -> None:
    lines = run("status", cwd=model.directory).stdout.splitlines()
    assert lines[3:5] == [
        "state:     initial, on disk",
        "  (v1 contains this state; gitstore state save also saves it by its name)",
    ]


def test_what_differs(run: Run, model: Model, v1: Snapshot) -> None:
    save_state(again(model), "initial")
    edit(model, "filesystem_size: 1MiB", "filesystem_size: 2MiB")
    for name in ("a ä.py", "b.py", "c.py"):
        write(model, f"code/{name}", "x\n")
    (model.directory / "code" / "model.py").unlink()
    put(model, "initial", {"weights": b"other", "new": b"n"})
    before = git_state(model.directory)
    assert run("status", cwd=model.directory) == Outcome(0, CHANGED.format(directory=model.directory), "")
    assert git_state(model.directory) == before


def test_edits_that_git_was_told_to_overlook(model: Model, v1: Snapshot, git: Git) -> None:
    write(model, "code/model.py", "my edit\n")
    for mark in ("assume-unchanged", "skip-worktree"):
        git("update-index", f"--{mark}", "code/model.py", cwd=model.directory)
        before = git_state(model.directory)
        assert read_status(again(model)).uncommitted == (("code/model.py", "changed"),)
        assert git_state(model.directory) == before
        git("update-index", f"--no-{mark}", "code/model.py", cwd=model.directory)


def test_json(run: Run, model: Model, v1: Snapshot, git: Git) -> None:
    write(model, "code/new.py", "x\n")
    assert parsed(run("status", "--json", cwd=model.directory)) == {
        "model": "digits",
        "directory": str(model.directory),
        "bare": False,
        "branch": "main",
        "commit": str(model.head),
        "tags": [],
        "base": None,
        "detached": False,
        "state": {"name": "initial", "form": "on disk"},
        "snapshot": snapshot_shape(git, model.directory, "v1") | {"aliases": []},
        "differs": True,
        "settings": {"changes": [], "is_other_text": False},
        "code": [{"path": "code/new.py", "kind": "added"}],
        "state_files": [],
        "uncommitted": [{"path": "code/new.py", "kind": "added"}],
        "lock": None,
        "problems": [],
    }


def test_broken_settings_hide_only_what_they_say(run: Run, model: Model, v1: Snapshot) -> None:
    edit(model, "filesystem_size: 1MiB", "filesystem_size: big")
    found = parsed(run("status", "--json", cwd=model.directory))
    assert (found["differs"], found["settings"], found["code"], found["state_files"]) == (
        None,
        None,
        None,
        [],
    )
    assert found["uncommitted"] == [{"path": "settings.yaml", "kind": "changed"}]
    (problem,) = found["problems"]
    assert problem["kind"] == "bad_settings"
    assert "\nproblem: settings.yaml:3: filesystem_size: " in run("status", cwd=model.directory).stdout


def test_a_state_that_cannot_be_read(run: Run, model: Model, v1: Snapshot) -> None:
    link = model.directory / "states" / "initial" / "link"
    link.symlink_to("nowhere")
    outcome = run("status", cwd=model.directory)
    assert (outcome.code, outcome.stderr) == (0, "")
    assert f"\nproblem: {link}" in outcome.stdout


def test_at_a_snapshot_detached(run: Run, model: Model, v1: Snapshot, git: Git) -> None:
    git("checkout", "--quiet", "v1", cwd=model.directory)
    lines = run("status", cwd=model.directory).stdout.splitlines()
    assert lines[2] == "branch:    none, HEAD is detached at v1"
    assert lines[-1] == "nothing differs from v1"


def test_the_last_is_the_newest_by_date_then_by_name(
    run: Run, model: Model, v1: Snapshot, git: Git, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(model, "v2")
    monkeypatch.setenv("GIT_COMMITTER_DATE", "1600000000 +0000")
    take(model, "v3")
    git("tag", "zzz", cwd=model.directory)
    git("tag", "-m", "no snapshot", "zzzz", cwd=model.directory)
    assert parsed(run("status", "--json", cwd=model.directory))["snapshot"]["name"] == "v2"


def test_a_derived_model_and_a_bare_repository(
    run: Run, model: Model, v1: Snapshot, git: Git, tmp_path: Path
) -> None:
    assert run("derive", "v1", "dogs", "../größere Hunde", cwd=model.directory).code == 0
    lines = run("status", cwd=tmp_path / "größere Hunde").stdout.splitlines()
    assert lines[2:6] == [
        "branch:    dogs",
        "base:      digits@v1",
        "state:     initial, saved",
        "snapshot:  none yet",
    ]
    git("clone", "--quiet", "--mirror", str(model.directory), "b.git", cwd=tmp_path)
    found = parsed(run("status", "--json", cwd=tmp_path / "b.git"))
    assert (found["bare"], found["snapshot"]["name"], found["code"]) == (True, "v1", [])
    assert (found["state"]["form"], found["uncommitted"]) == ("unborn", [])


def test_a_state_that_is_gone(run: Run, model: Model, git: Git) -> None:
    put(model, "other", {"w": b"w"})
    save_state(again(model), "other")
    use_state(again(model), "other")
    git("update-ref", "-d", "refs/states/other", cwd=model.directory)
    (model.directory / "states" / "other" / "w").unlink()
    assert "state:     other, nowhere\n" in run("status", cwd=model.directory).stdout


def test_no_model(run: Run, tmp_path: Path) -> None:
    assert run("status", cwd=tmp_path).code == 10


def test_no_snapshot_is_advised_without_a_state(run: Run, model: Model, v1: Snapshot, git: Git) -> None:
    side = model.directory.parent / "linked"
    git("worktree", "add", "--quiet", "-b", "side", str(side), cwd=model.directory)
    assert run("status", cwd=side).stdout.splitlines()[2:] == [
        "branch:    side",
        "state:     initial, unborn",
        "  (put files into states/initial/, or gitstore state create)",
        "snapshot:  v1, 2023-11-14 22:13",
        "differs from v1:",
        "  state:    1 file: weights",
    ]


def test_a_missing_lock(run: Run, model: Model) -> None:
    edit(model, "filesystem_size: 1MiB", "packages: {requirements: [numpy==2.4.6]}\nfilesystem_size: 1MiB")
    assert run("status", cwd=model.directory).stdout.endswith(
        "packages.lock is missing, and settings.yaml has packages.requirements\n  (run gitstore lock to"
        " create it)\n"
    )


def test_code_larger_than_allowed_is_not_read(model: Model, v1: Snapshot, run: Run) -> None:
    """Nothing of it comes into .git, not even for a moment: a file of a terabyte must do."""
    with (model.directory / "code" / "dataset").open("wb") as file:
        file.truncate(2**40)
    problem = "code/ has 1.0 TiB, more than filesystem_size in settings.yaml allows"
    (told,) = read_status(Model.open(model.directory)).problems
    assert told.message.startswith(problem)
    for command in (("snapshot", "v2"), ("diff", "v1")):
        assert problem in run(*command, cwd=model.directory).stderr


def test_a_damaged_ref_of_a_snapshot_is_a_problem(run: Run, model: Model, v1: Snapshot) -> None:
    """Stock git leaves such a ref out of its list, as if there had never been a snapshot."""
    Path(model.repository.common, v1.ref).write_bytes(b"")
    (problem,) = read_status(model).problems
    assert f"{v1.ref} is damaged: it is empty" in problem.message
    assert f"{v1.ref} is damaged: it is empty" in run("status", cwd=model.directory).stdout
