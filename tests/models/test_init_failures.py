"""Making a model fails, or is killed: everything is as it was, and it can be said again."""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
from pathlib import Path
from types import ModuleType

import pytest

from gitstore.git.process import GitFailed, GitLocked
from gitstore.models import examples, init, new_files
from gitstore.models.model import Model
from tests.support import combinations
from tests.support.commands import Git
from tests.support.failing import refuses
from tests.support.models import existing_repository, picture


@pytest.mark.parametrize("adopted", [False, True])
def test_a_commit_that_fails_leaves_everything_as_it_was(tmp_path: Path, git: Git, *, adopted: bool) -> None:
    directory = tmp_path / "m"
    directory.mkdir()
    (directory / ".gitignore").write_text("*.log\n")
    if adopted:
        git("init", "--quiet", cwd=directory)
        git("add", ".gitignore", cwd=directory)
        git("commit", "--quiet", "--message", "before", cwd=directory)
    (tmp_path / "attributes").write_text("model.py filter=broken\n")
    settings = {"core.attributesFile": str(tmp_path / "attributes"), "filter.broken.clean": "false"}
    for key, value in {**settings, "filter.broken.required": "true"}.items():
        git("config", "--global", key, value, cwd=tmp_path)
    before = picture(directory)
    with refuses("git add", "'broken'", kind=GitFailed):
        init.create_model(directory)
    assert picture(directory) == before
    assert (directory / ".git").exists() is adopted
    if adopted:
        assert git("status", "--porcelain", cwd=directory) == ""
    git("config", "--global", "--unset", "filter.broken.required", cwd=tmp_path)
    init.create_model(directory)
    assert git("status", "--porcelain", cwd=directory) == ""


@pytest.mark.parametrize("adopted", [False, True])
def test_files_of_the_user_that_are_like_ours_survive_a_failure(
    tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch, *, adopted: bool
) -> None:
    (tmp_path / "code").mkdir()
    skeleton = (examples.find_path("skeleton") / "code" / "model.py").read_bytes()
    (tmp_path / "code" / "model.py").write_bytes(skeleton)
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / ".gitignore").chmod(0o640)
    if adopted:
        git("init", "--quiet", cwd=tmp_path)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = picture(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(init, "_commit", fail)
        with pytest.raises(OSError, match="No space"):
            init.create_model(tmp_path, name="m")
    assert picture(tmp_path) == before
    assert init.create_model(tmp_path, name="m").files == ("code/model.py", "settings.yaml", ".gitignore")
    assert (tmp_path / ".gitignore").stat().st_mode & 0o777 == 0o640


def killed(directory: Path, module: ModuleType, name: str, count: int) -> int:
    """Run init in a child that is killed when it calls a function for the nth time; its exit status."""
    real, calls = getattr(module, name), itertools.count(1)
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]

    def deadly(*arguments: object, **options: object) -> object:
        if next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    setattr(module, name, deadly)
    code = 99  # whatever happens, the child does not go on with the tests
    try:
        init.create_model(directory, name="m")
        code = 0
    finally:
        os._exit(code)


@combinations.sample(3)
@pytest.mark.parametrize("adopted", [False, True])
@pytest.mark.parametrize(
    "where",
    [
        (new_files, "_link_into_place", 1),
        (new_files, "_link_into_place", 2),
        (new_files, "_replace_file", 1),
        (init, "_commit", 1),
        (init, "_finish_model", 1),
    ],
)
def test_killed_anywhere_init_can_be_said_again(
    tmp_path: Path, git: Git, where: tuple[ModuleType, str, int], *, adopted: bool
) -> None:
    directory = tmp_path / "m"
    directory.mkdir()
    (directory / ".gitignore").write_text("*.log\n")
    (directory / "mine.txt").write_text("mine\n")
    if adopted:
        git("init", "--quiet", cwd=directory)
        git("add", ".", cwd=directory)
        git("commit", "--quiet", "-m", "before", cwd=directory)
    assert killed(directory, *where) == signal.SIGKILL
    assert (directory / "mine.txt").read_text() == "mine\n"
    if where[1] == "_finish_model":
        assert Model.open(directory).name == "m"
        return
    created = init.create_model(directory, name="m")
    assert sorted(created.files) == [".gitignore", "code/model.py", "settings.yaml"]
    assert (directory / ".gitignore").read_text() == "*.log\n/states/\n"
    assert sorted(path.name for path in directory.iterdir()) == [
        ".git", ".gitignore", "code", "mine.txt", "settings.yaml", "states"
    ]  # fmt: skip
    assert git("status", "--porcelain", cwd=directory) == ("" if adopted else "?? mine.txt\n")


@pytest.mark.parametrize("name", ["index", "HEAD"])
def test_a_lock_that_a_killed_git_left_is_named(tmp_path: Path, git: Git, name: str) -> None:
    directory = existing_repository(tmp_path / "m", mine="mine\n")
    locked = directory / ".git" / name
    lock = locked.with_name(f"{name}.lock")
    lock.touch()
    before = picture(directory)
    with refuses(locked, kind=GitLocked, hint=lock):
        init.create_model(directory)
    assert picture(directory) == before
    assert GitLocked.exit_code == 11
    lock.unlink()
    init.create_model(directory)
    assert git("status", "--porcelain", cwd=directory) == ""


def test_git_killed_after_the_commit_has_made_the_model(
    tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Git renames the index after the branch: killed between the two, it leaves the lock of the index."""
    directory = existing_repository(tmp_path / "m", mine="mine\n")
    stock, index = shutil.which("git"), directory / ".git" / "index"
    (tmp_path / "git").write_text(
        "#!/bin/sh\n"
        f'case " $* " in *" commit "*) cp {index} {index}.lock; GIT_INDEX_FILE={index}.lock {stock} "$@"\n'
        f'    kill -9 $$;; *) exec {stock} "$@";; esac\n'
    )
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    init.create_model(directory)
    assert caplog.messages == [
        f"the model was created, but git's index was not updated: {index} is locked by another git process"
    ]
    Path(f"{index}.lock").unlink()
    git("reset", "--quiet", cwd=directory)
    assert git("status", "--porcelain", cwd=directory) == ""


def test_an_interrupted_init_of_a_new_directory_can_be_said_again(tmp_path: Path) -> None:
    """Killed at its last step, whatever is left does not stand in the way."""
    assert killed(tmp_path / "m", init, "_commit", 1) == signal.SIGKILL
    assert not (tmp_path / "m").exists()
    assert init.create_model(tmp_path / "m").model.name == "m"
