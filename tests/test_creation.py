from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gitstore import creation
from gitstore.errors import GitstoreError
from gitstore.model import Model
from gitstore.objects.git import GitFailed
from tests.support.commands import Fsck, Git
from tests.support.models import picture


def tracked(directory: Path, git: Git) -> list[str]:
    return git("ls-tree", "-r", "--name-only", "HEAD", cwd=directory).splitlines()


def existing_repository(directory: Path, git: Git, **files: str) -> Path:
    directory.mkdir()
    git("init", "--quiet", cwd=directory)
    for name, text in files.items():
        path = directory / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("add", "--all", cwd=directory)
    git("commit", "--quiet", "--message", "before", cwd=directory)
    return directory


def test_a_new_directory_becomes_a_repository_with_one_commit(tmp_path: Path, git: Git, fsck: Fsck) -> None:
    created = creation.create(tmp_path / "digits")
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
    creation.create(tmp_path / "digits")
    (tmp_path / "other").mkdir()
    assert (tmp_path / "digits").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_an_example_is_copied_whole(tmp_path: Path) -> None:
    created = creation.create(tmp_path / "m", name="digits", example="digits")
    assert (tmp_path / "m" / "data" / "digits.npz").stat().st_size > 10_000
    assert not [name for name in created.files if "__pycache__" in name]
    assert created.model.settings.name == "digits"


def test_an_empty_directory_stays_the_same_directory(tmp_path: Path) -> None:
    """A shell that stands in it must not find itself in a deleted one."""
    before = tmp_path.stat().st_ino
    creation.create(tmp_path, name="here")
    assert tmp_path.stat().st_ino == before
    assert (tmp_path / "settings.yaml").exists()


def test_files_that_are_there_stay_as_they_are(tmp_path: Path, git: Git) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "mine.py").write_text("mine\n")
    (tmp_path / ".gitignore").write_text("*.log")
    created = creation.create(tmp_path, name="m")
    assert not created.adopted
    assert created.files == ("settings.yaml", ".gitignore")
    assert (tmp_path / "code" / "mine.py").read_text() == "mine\n"
    assert not (tmp_path / "code" / "model.py").exists()
    assert (tmp_path / ".gitignore").read_text() == "*.log\n/states/\n"
    assert "?? code/" in git("status", "--porcelain", cwd=tmp_path)


def test_adopting_commits_what_is_new_and_leaves_what_is_staged(tmp_path: Path, git: Git, fsck: Fsck) -> None:
    directory = existing_repository(tmp_path / "repo", git, src__net="net\n", notes="one\n")
    (directory / "notes").write_text("two\n")
    git("add", "notes", cwd=directory)
    (directory / "src" / "net").write_text("edited\n")
    created = creation.create(directory, code="src")
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
    created = creation.create(tmp_path, name="m")
    assert created.adopted
    assert tracked(tmp_path, git) == [".gitignore", "code/model.py", "settings.yaml"]


def test_adopting_adds_files_that_git_would_ignore(tmp_path: Path, git: Git) -> None:
    directory = existing_repository(tmp_path / "repo", git, **{".gitignore": "*.yaml\n*.py\n"})
    creation.create(directory)
    assert tracked(directory, git) == [".gitignore", "code/model.py", "settings.yaml"]


def test_a_gitignore_that_is_not_text_is_kept(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_bytes(b"caf\xe9\n")
    creation.create(tmp_path, name="m")
    assert (tmp_path / ".gitignore").read_bytes() == b"caf\xe9\n/states/\n"


def test_a_new_directory_within_a_repository_is_a_repository_of_its_own(tmp_path: Path, git: Git) -> None:
    directory = existing_repository(tmp_path / "repo", git, a="a\n")
    creation.create(directory / "nested")
    assert (directory / "nested" / ".git").is_dir()
    assert git("log", "--format=%s", cwd=directory) == "before\n"


def test_a_user_s_hooks_and_template_do_not_run(tmp_path: Path, git: Git, home: Path) -> None:
    hooks = home / "hooks"
    hooks.mkdir()
    for name in ("pre-commit", "commit-msg", "post-commit", "reference-transaction", "prepare-commit-msg"):
        (hooks / name).write_text("#!/bin/sh\necho $0 >>ran; exit 1\n")
        (hooks / name).chmod(0o755)
    git("config", "--global", "core.hooksPath", str(hooks), cwd=tmp_path)
    creation.create(tmp_path / "m")
    assert list(tmp_path.rglob("ran")) == []


class TestRefusals:
    def refused(self, directory: Path, **arguments: str) -> GitstoreError:
        before = picture(directory.parent)
        with pytest.raises(GitstoreError) as caught:
            creation.create(directory, **arguments)
        assert picture(directory.parent) == before
        return caught.value

    def test_a_model(self, model: Model) -> None:
        error = self.refused(model.directory)
        assert error.message == f"{model.directory} is a model already: it has a settings.yaml"
        assert error.hint == "gitstore settings show"

    def test_settings_without_a_repository(self, tmp_path: Path) -> None:
        directory = tmp_path / "m"
        directory.mkdir()
        (directory / "settings.yaml").write_text("name: m\n")
        error = self.refused(directory)
        assert error.message == f"{directory} is a model already: it has a settings.yaml"
        assert not (directory / ".git").exists()

    def test_a_dangling_link_in_the_place_of_settings(self, tmp_path: Path) -> None:
        directory = tmp_path / "m"
        directory.mkdir()
        (directory / "settings.yaml").symlink_to(tmp_path / "outside")
        self.refused(directory)
        assert not (tmp_path / "outside").exists()

    def test_a_directory_of_somebody_else_s_repository(self, tmp_path: Path, git: Git) -> None:
        directory = existing_repository(tmp_path / "repo", git, sub__file="x")
        error = self.refused(directory / "sub")
        assert error.message == f"{directory}/sub lies in the git repository {directory}"
        assert error.hint == (
            f"gitstore init {directory} makes that a model; git init makes this a repository of its own"
        )

    def test_a_bare_repository(self, tmp_path: Path, git: Git) -> None:
        git("init", "--quiet", "--bare", "b.git", cwd=tmp_path)
        error = self.refused(tmp_path / "b.git", name="b")
        assert error.message == f"{tmp_path}/b.git is in a bare repository"

    def test_code_that_is_not_there(self, tmp_path: Path, git: Git) -> None:
        directory = existing_repository(tmp_path / "repo", git, a="a")
        error = self.refused(directory, code="src")
        assert error.message == f"{directory}/src is not a directory"

    def test_code_without_a_repository(self, tmp_path: Path) -> None:
        error = self.refused(tmp_path / "m", code="src")
        assert error.message == f"{tmp_path}/m has no repository to adopt, so there is no src/"
        assert error.hint == "leave out --code"

    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("my model", "has a space in it"),
            ("a/b", "has '/' in it"),
            ("v1@2", "has '@' in it"),
            ("-x", "starts with '-'"),
            ("HEAD", "is a name that git keeps for itself"),
        ],
    )
    def test_a_name(self, tmp_path: Path, name: str, problem: str) -> None:
        error = self.refused(tmp_path / "m", name=name)
        assert error.message == f"{name!r} cannot be the name of a model: it {problem}"
        assert error.hint == "name it with --name"

    def test_a_directory_s_name(self, tmp_path: Path) -> None:
        error = self.refused(tmp_path / "my model")
        assert error.message == "'my model' cannot be the name of a model: it has a space in it"

    @pytest.mark.parametrize("existing", [False, True])
    def test_no_identity(
        self, tmp_path: Path, git: Git, home: Path, monkeypatch: pytest.MonkeyPatch, *, existing: bool
    ) -> None:
        for name in ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL"):
            monkeypatch.delenv(f"GIT_{name}")
        (home / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
        directory = tmp_path / "m"
        if existing:
            directory.mkdir()
        error = self.refused(directory)
        assert error.message == "git does not know who you are"
        assert error.hint is not None
        assert error.hint.startswith('say it once: git config --global user.name "Your Name"')


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
    with pytest.raises(GitFailed, match=r"git add: .*clean filter 'broken' failed"):
        creation.create(directory)
    assert picture(directory) == before
    assert (directory / ".git").exists() is adopted
    if adopted:
        assert git("status", "--porcelain", cwd=directory) == ""
    git("config", "--global", "--unset", "filter.broken.required", cwd=tmp_path)
    creation.create(directory)
    assert git("status", "--porcelain", cwd=directory) == ""


def test_an_interrupted_init_of_a_new_directory_can_be_said_again(tmp_path: Path) -> None:
    """Killed at its last step, whatever is left does not stand in the way."""
    script = (
        "import os, signal, sys; from pathlib import Path; from gitstore import creation;"
        "creation._commit = lambda *_: os.kill(os.getpid(), signal.SIGKILL);"
        "creation.create(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path / "m")], check=False)
    assert done.returncode == -9
    assert not (tmp_path / "m").exists()
    assert creation.create(tmp_path / "m").model.name == "m"
