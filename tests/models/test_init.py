"""A model is made: in a new directory, of files that are there, of a repository that is there."""

from __future__ import annotations

from pathlib import Path

from gitstore.models import init
from tests.support.commands import Fsck, Git
from tests.support.models import existing_repository


def tracked(directory: Path, git: Git) -> list[str]:
    return git("ls-tree", "-r", "--name-only", "HEAD", cwd=directory).splitlines()


def test_a_new_directory_becomes_a_repository_with_one_commit(tmp_path: Path, git: Git, fsck: Fsck) -> None:
    created = init.create_model(tmp_path / "digits")
    directory = tmp_path / "digits"
    assert (created.model.name, created.model.prefix, created.adopted) == ("digits", "", False)
    assert created.files == ("code/model.py", "settings.yaml", ".gitignore")
    assert tracked(directory, git) == [".gitignore", "code/model.py", "settings.yaml"]
    assert git("log", "--format=%s%n%an <%ae>", cwd=directory) == (
        "Make digits a gitstore model\nAda Lovelace <ada@example.org>\n"
    )
    assert git("status", "--porcelain", cwd=directory) == ""
    assert (directory / ".gitignore").read_text() == "/states/\n"
    assert list((directory / "states" / "initial").iterdir()) == []
    fsck(directory)


def test_the_directory_has_the_mode_that_mkdir_gives(tmp_path: Path) -> None:
    init.create_model(tmp_path / "digits")
    (tmp_path / "other").mkdir()
    assert (tmp_path / "digits").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_an_example_is_copied_whole(tmp_path: Path) -> None:
    created = init.create_model(tmp_path / "m", name="digits", example="digits")
    assert (tmp_path / "m" / "data" / "digits.npz").stat().st_size > 10_000
    assert not [name for name in created.files if "__pycache__" in name]
    assert created.model.settings.name == "digits"


def test_an_empty_directory_stays_the_same_directory(tmp_path: Path) -> None:
    """A shell that stands in it must not find itself in a deleted one."""
    before = tmp_path.stat().st_ino
    init.create_model(tmp_path, name="here")
    assert tmp_path.stat().st_ino == before
    assert (tmp_path / "settings.yaml").exists()


def test_files_that_are_there_stay_as_they_are(tmp_path: Path, git: Git) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text("mine\n")
    (tmp_path / ".gitignore").write_text("*.log")
    created = init.create_model(tmp_path, name="m")
    assert not created.adopted
    assert created.files == ("settings.yaml", ".gitignore")
    assert (tmp_path / "code" / "mine.py").read_text() == "mine\n"
    assert not (tmp_path / "code" / "model.py").exists()
    assert (tmp_path / ".gitignore").read_text() == "*.log\n/states/\n"
    assert "?? code/" in git("status", "--porcelain", cwd=tmp_path)


def test_adopting_commits_what_is_new_and_leaves_what_is_staged(tmp_path: Path, git: Git, fsck: Fsck) -> None:
    directory = existing_repository(tmp_path / "repo", src__net="net\n", notes="one\n")
    (directory / "notes").write_text("two\n")
    git("add", "notes", cwd=directory)
    (directory / "src" / "net").write_text("edited\n")
    created = init.create_model(directory, code="src")
    assert created.adopted
    assert created.files == ("settings.yaml", ".gitignore")
    assert git("show", "--name-only", "--format=", "HEAD", cwd=directory).split() == [
        ".gitignore",
        "settings.yaml",
    ]
    assert git("status", "--porcelain", cwd=directory) == "M  notes\n M src/net\n"
    assert created.model.settings.code == "src"
    assert not (directory / "code").exists()
    fsck(directory)


def test_adopting_an_unborn_branch(tmp_path: Path, git: Git) -> None:
    git("init", "--quiet", cwd=tmp_path)
    created = init.create_model(tmp_path, name="m")
    assert created.adopted
    assert tracked(tmp_path, git) == [".gitignore", "code/model.py", "settings.yaml"]


def test_adopting_adds_files_that_git_would_ignore(tmp_path: Path, git: Git) -> None:
    directory = existing_repository(tmp_path / "repo", **{".gitignore": "*.yaml\n*.py\n"})
    init.create_model(directory)
    assert tracked(directory, git) == [".gitignore", "code/model.py", "settings.yaml"]


def test_a_gitignore_that_is_not_text_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"caf\xe9\n")
    init.create_model(tmp_path, name="m")
    assert (tmp_path / ".gitignore").read_bytes() == b"caf\xe9\n/states/\n"


def test_a_new_directory_within_a_repository_is_a_repository_of_its_own(tmp_path: Path, git: Git) -> None:
    directory = existing_repository(tmp_path / "repo", a="a\n")
    init.create_model(directory / "nested")
    assert (directory / "nested" / ".git").is_dir()
    assert git("log", "--format=%s", cwd=directory) == "before\n"


def test_a_user_s_hooks_and_template_do_not_run(tmp_path: Path, git: Git, home: Path) -> None:
    hooks = home / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "prepare-commit-msg"):
        (hooks / name).write_text("#!/bin/sh\necho $0 >>ran; exit 1\n")
        (hooks / name).chmod(0o755)
    git("config", "--global", "core.hooksPath", str(hooks), cwd=tmp_path)
    init.create_model(tmp_path / "m")
    assert list(tmp_path.rglob("ran")) == []


def test_code_is_recorded_as_the_settings_have_it(tmp_path: Path, git: Git) -> None:
    for number, code in enumerate(["src", "src/", "./src", "src/.", "./src//"]):
        directory = existing_repository(tmp_path / str(number), src__net="net\n")
        assert init.create_model(directory, name="m", code=code).model.settings.code == "src", code
        assert "code: src\n" in (directory / "settings.yaml").read_text(), code


def test_code_in_a_directory_without_a_repository(tmp_path: Path, git: Git) -> None:
    (tmp_path / "net.py").write_text("net\n")
    created = init.create_model(tmp_path, name="m", code=".")
    assert (created.adopted, created.model.settings.code) == (False, ".")
    assert git("status", "--porcelain", cwd=tmp_path) == "?? net.py\n"
    assert git("config", "--get-regexp", "core.(bare|worktree)", cwd=tmp_path) == "core.bare false\n"
