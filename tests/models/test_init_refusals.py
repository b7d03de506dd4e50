"""What no model is made of. Nothing has changed then."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import GitstoreError
from gitstore.models import init
from gitstore.models.model import Model
from tests.support.commands import Git
from tests.support.failing import names
from tests.support.models import existing_repository, picture


class TestRefusals:
    def refused(self, directory: Path, **arguments: str) -> GitstoreError:
        before = picture(directory.parent)
        with pytest.raises(GitstoreError) as caught:
            init.create_model(directory, **arguments)
        assert picture(directory.parent) == before
        return caught.value

    def test_a_model(self, model: Model) -> None:
        error = self.refused(model.directory)
        assert names(error, model.directory, "settings.yaml")

    def test_settings_without_a_repository(self, tmp_path: Path) -> None:
        directory = tmp_path / "m"
        directory.mkdir()
        (directory / "settings.yaml").write_text("name: m\n")
        error = self.refused(directory)
        assert names(error, directory, "settings.yaml")
        assert not (directory / ".git").exists()

    def test_a_dangling_link_in_the_place_of_settings(self, tmp_path: Path) -> None:
        directory = tmp_path / "m"
        directory.mkdir()
        (directory / "settings.yaml").symlink_to(tmp_path / "outside")
        self.refused(directory)
        assert not (tmp_path / "outside").exists()

    def test_a_directory_of_somebody_else_s_repository(self, tmp_path: Path, git: Git) -> None:
        directory = existing_repository(tmp_path / "repo", sub__file="x")
        error = self.refused(directory / "sub")
        assert names(error, f"{directory}/sub", directory)

    def test_a_bare_repository(self, tmp_path: Path, git: Git) -> None:
        git("init", "--quiet", "--bare", "b.git", cwd=tmp_path)
        error = self.refused(tmp_path / "b.git", name="b")
        assert names(error, f"{tmp_path}/b.git")

    def test_code_that_is_not_there(self, tmp_path: Path, git: Git) -> None:
        directory = existing_repository(tmp_path / "repo", a="a")
        error = self.refused(directory, code="src")
        assert names(error, f"{directory}/src")

    def test_code_without_a_repository(self, tmp_path: Path) -> None:
        error = self.refused(tmp_path / "m", code="src")
        assert names(error, f"{tmp_path}/m")

    @pytest.mark.parametrize("lost", ["refs", "objects", "HEAD"])
    def test_a_damaged_repository(self, tmp_path: Path, git: Git, lost: str) -> None:
        """As copied by a tool that leaves empty directories out, for instance."""
        directory = existing_repository(tmp_path / "repo", a="a\n")
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
        assert names(error, f"{tmp_path}/m/.git")
        assert [path.name for path in (tmp_path / "m" / ".git").iterdir()] == ["precious"]

    @pytest.mark.parametrize("adopted", [False, True])
    def test_code_that_the_settings_refuse(self, tmp_path: Path, git: Git, *, adopted: bool) -> None:
        directory = tmp_path / "m"
        (directory / "src").mkdir(parents=True)
        if adopted:
            git("init", "--quiet", cwd=directory)
        for code in ("", "../src", "/src", "states", "settings.yaml", ".git/x", "a\nb", "src/.."):
            error = self.refused(directory, code=code)
            assert error.message.startswith(f"--code {code!r} ")
            assert (directory / ".git").exists() is adopted

    @pytest.mark.parametrize("name", ["states", "states/initial", "code", "settings.yaml", ".gitignore"])
    def test_what_stands_in_the_way(self, tmp_path: Path, git: Git, name: str) -> None:
        directory = existing_repository(tmp_path / "repo", a="a\n")
        (tmp_path / "elsewhere").mkdir()
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        for kind in ("file", "link", "dangling link"):
            if (name, kind) == (".gitignore", "file"):
                continue  # that is what it should be
            if kind == "file":
                path.write_text("mine\n")
            else:
                path.symlink_to(tmp_path / "elsewhere" if kind == "link" else tmp_path / "nowhere")
            error = self.refused(directory)
            assert str(path) in error.message or "is already a model" in error.message, kind
            assert git("log", "--format=%s", cwd=directory) == "before\n"
            path.unlink()

    def test_settings_that_are_committed_and_gone(self, model: Model) -> None:
        (model.directory / "settings.yaml").unlink()
        assert "is already a model" in self.refused(model.directory).message

    def test_a_name(self, tmp_path: Path) -> None:
        for name, problem in (
            ("my model", "contains a space"),
            ("a/b", "contains '/'"),
            ("v1@2", "contains '@'"),
            ("-x", "starts with '-'"),
            ("HEAD", "is a name that git reserves"),
        ):
            error = self.refused(tmp_path / "m", name=name)
            assert names(error, repr(name), problem)

    def test_a_directory_s_name(self, tmp_path: Path) -> None:
        error = self.refused(tmp_path / "my model")
        assert names(error, "'my model'")

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
        assert type(error) is GitstoreError
        assert error.hint is not None
        assert error.hint.startswith('run once: git config --global user.name "Your Name"')
