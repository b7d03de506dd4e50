from __future__ import annotations

import errno
import itertools
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from gitstore import creation, new_files
from gitstore.errors import GitstoreError
from gitstore.model import Model
from gitstore.objects.git import GitFailed, GitLocked
from tests.support.commands import Fsck, Git
from tests.support.failing import fails
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
        assert error.message == f"{tmp_path}/m is new, so there is no src/ in it"
        assert error.hint == "leave out --code"

    @pytest.mark.parametrize("lost", ["refs", "objects", "HEAD"])
    def test_a_damaged_repository(self, tmp_path: Path, git: Git, lost: str) -> None:
        """As copied by a tool that leaves empty directories out, for instance."""
        directory = existing_repository(tmp_path / "repo", git, a="a\n")
        git("pack-refs", "--all", cwd=directory)
        (directory / ".git" / lost).rename(tmp_path / "lost")
        before = picture(directory / ".git")
        error = self.refused(directory)
        assert error.message.startswith(f"{directory}/.git is a damaged git repository: it lacks ")
        assert picture(directory / ".git") == before

    def test_something_else_called_dot_git(self, tmp_path: Path) -> None:
        (tmp_path / "m" / ".git").mkdir(parents=True)
        (tmp_path / "m" / ".git" / "precious").write_text("mine\n")
        error = self.refused(tmp_path / "m")
        assert error.message == f"{tmp_path}/m/.git is there, and is no git repository"
        assert [path.name for path in (tmp_path / "m" / ".git").iterdir()] == ["precious"]

    @pytest.mark.parametrize(
        "code", ["", "../src", "/src", "states", "settings.yaml", ".git/x", "a\nb", "src/.."]
    )
    @pytest.mark.parametrize("adopted", [False, True])
    def test_code_that_the_settings_refuse(
        self, tmp_path: Path, git: Git, code: str, *, adopted: bool
    ) -> None:
        directory = tmp_path / "m"
        (directory / "src").mkdir(parents=True)
        if adopted:
            git("init", "--quiet", cwd=directory)
        error = self.refused(directory, code=code)
        assert error.message.startswith(f"--code {code!r} ")
        assert (directory / ".git").exists() is adopted

    @pytest.mark.parametrize("kind", ["file", "link", "dangling link"])
    @pytest.mark.parametrize("name", ["states", "states/initial", "code", "settings.yaml", ".gitignore"])
    def test_what_stands_in_the_way(self, tmp_path: Path, git: Git, name: str, kind: str) -> None:
        if (name, kind) == (".gitignore", "file"):
            pytest.skip("that is what it should be")
        directory = existing_repository(tmp_path / "repo", git, a="a\n")
        (tmp_path / "elsewhere").mkdir()
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        if kind == "file":
            path.write_text("mine\n")
        else:
            path.symlink_to(tmp_path / "elsewhere" if kind == "link" else tmp_path / "nowhere")
        error = self.refused(directory)
        assert str(path) in error.message or "is a model already" in error.message
        assert git("log", "--format=%s", cwd=directory) == "before\n"

    def test_settings_that_are_committed_and_gone(self, model: Model) -> None:
        (model.directory / "settings.yaml").unlink()
        assert "is a model already" in self.refused(model.directory).message

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


@pytest.mark.parametrize("code", ["src", "src/", "./src", "src/.", "./src//"])
def test_code_is_recorded_as_the_settings_have_it(tmp_path: Path, git: Git, code: str) -> None:
    directory = existing_repository(tmp_path / "repo", git, src__net="net\n")
    assert creation.create(directory, code=code).model.settings.code == "src"
    assert "code: src\n" in (directory / "settings.yaml").read_text()


def test_code_in_a_directory_without_a_repository(tmp_path: Path, git: Git) -> None:
    (tmp_path / "net.py").write_text("net\n")
    created = creation.create(tmp_path, name="m", code=".")
    assert (created.adopted, created.model.settings.code) == (False, ".")
    assert git("status", "--porcelain", cwd=tmp_path) == "?? net.py\n"
    assert git("config", "--get-regexp", "core.(bare|worktree)", cwd=tmp_path) == "core.bare false\n"


@pytest.mark.parametrize("adopted", [False, True])
def test_files_of_the_user_that_are_like_ours_survive_a_failure(
    tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch, *, adopted: bool
) -> None:
    (tmp_path / "code").mkdir()
    skeleton = (Path(creation.__file__).parent / "examples" / "skeleton" / "code" / "model.py").read_bytes()
    (tmp_path / "code" / "model.py").write_bytes(skeleton)
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / ".gitignore").chmod(0o640)
    if adopted:
        git("init", "--quiet", cwd=tmp_path)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = picture(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(creation, "_commit", fail)
        with pytest.raises(OSError, match="No space"):
            creation.create(tmp_path, name="m")
    assert picture(tmp_path) == before
    assert creation.create(tmp_path, name="m").files == ("code/model.py", "settings.yaml", ".gitignore")
    assert (tmp_path / ".gitignore").stat().st_mode & 0o777 == 0o640


def killed(directory: Path, module: ModuleType, name: str, count: int) -> int:
    """Run init in a child that is killed when it calls a function for the nth time; its exit status."""
    child = os.fork()
    if child:
        return os.waitpid(child, 0)[1]
    real, calls = getattr(module, name), itertools.count(1)

    def deadly(*arguments: object, **options: object) -> object:
        if next(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments, **options)

    setattr(module, name, deadly)
    creation.create(directory, name="m")
    os._exit(0)


@pytest.mark.parametrize("adopted", [False, True])
@pytest.mark.parametrize(
    "where",
    [
        (new_files, "_name", 1),
        (new_files, "_name", 2),
        (new_files, "_replace", 1),
        (creation, "_commit", 1),
        (creation, "_created", 1),
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
    if where[1] == "_created":
        assert Model.open(directory).name == "m"
        return
    created = creation.create(directory, name="m")
    assert sorted(created.files) == [".gitignore", "code/model.py", "settings.yaml"]
    assert (directory / ".gitignore").read_text() == "*.log\n/states/\n"
    assert sorted(path.name for path in directory.iterdir()) == [
        ".git", ".gitignore", "code", "mine.txt", "settings.yaml", "states"
    ]  # fmt: skip
    assert git("status", "--porcelain", cwd=directory) == ("" if adopted else "?? mine.txt\n")


@pytest.mark.parametrize("name", ["index", "HEAD"])
def test_a_lock_that_a_killed_git_left_is_named(tmp_path: Path, git: Git, name: str) -> None:
    directory = existing_repository(tmp_path / "m", git, mine="mine\n")
    locked = directory / ".git" / name
    lock = locked.with_name(f"{name}.lock")
    lock.touch()
    before = picture(directory)
    hint = f"if none is running, a crash left the lock: remove {lock}"
    with fails(f"{locked} is locked by another git process", GitLocked, hint):
        creation.create(directory)
    assert picture(directory) == before
    assert GitLocked.exit_code == 11
    lock.unlink()
    creation.create(directory)
    assert git("status", "--porcelain", cwd=directory) == ""


def test_git_killed_after_the_commit_has_made_the_model(
    tmp_path: Path, git: Git, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Git renames the index after the branch: killed between the two, it leaves the lock of the index."""
    directory = existing_repository(tmp_path / "m", git, mine="mine\n")
    stock, index = shutil.which("git"), directory / ".git" / "index"
    (tmp_path / "git").write_text(
        "#!/bin/sh\n"
        f'case " $* " in *" commit "*) cp {index} {index}.lock; GIT_INDEX_FILE={index}.lock {stock} "$@"\n'
        f'    kill -9 $$;; *) exec {stock} "$@";; esac\n'
    )
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    creation.create(directory)
    assert caplog.messages == [
        f"the model is made, but the index is behind: {index} is locked by another git process"
    ]
    Path(f"{index}.lock").unlink()
    git("reset", "--quiet", cwd=directory)
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
