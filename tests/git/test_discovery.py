"""Where a repository and its working copy are, compared with what stock git says."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from gitstore.errors import NotAModel
from gitstore.git.discovery import NoRepository
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from tests.support import combinations
from tests.support.commands import git
from tests.support.failing import names, refuses


def by_git(directory: Path) -> tuple[Path | None, Path, Path]:
    """The top, `None` if there is none, the git directory and the common one."""

    def ask(*words: str) -> Path | None:
        done = subprocess.run(
            ["git", "rev-parse", *words], cwd=directory, capture_output=True, text=True, check=False
        )
        said = done.stdout.removesuffix("\n")
        return (directory / said).resolve() if done.returncode == 0 and said else None

    common, own = ask("--git-common-dir"), ask("--absolute-git-dir")
    assert common is not None
    assert own is not None
    return ask("--show-toplevel"), own, common


def by_us(directory: Path) -> tuple[Path | None, Path, Path]:
    found = Repository.discover(directory)
    top = None if found.is_bare else found.directory.resolve()
    return top, found.git_directory.resolve(), found.common.resolve()


def born(directory: Path, *options: str) -> Path:
    git("init", "--quiet", *options, str(directory), cwd=directory.parent)
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=directory)
    (directory / "code").mkdir()
    return directory


def linked(main: Path) -> Path:
    git("worktree", "add", "--quiet", "-b", "dogs", str(main.parent / "dogs"), cwd=main)
    (main.parent / "dogs" / "code").mkdir()
    return main.parent / "dogs"


def plain(top: Path) -> Path:
    return born(top / "main")


def a_copied_worktree(top: Path) -> Path:
    shutil.copytree(linked(born(top / "main")), top / "copy")
    return top / "copy"


def a_moved_worktree(top: Path) -> Path:
    return linked(born(top / "main")).rename(top / "moved")


def a_copied_repository(top: Path) -> Path:
    linked(born(top / "main"))
    shutil.copytree(top / "main", top / "copy")
    return top / "copy"


def a_separate_git_directory(top: Path) -> Path:
    return born(top / "main", f"--separate-git-dir={top / 'elsewhere'}")


def a_worktree_of_that(top: Path) -> Path:
    return linked(a_separate_git_directory(top))


def a_link_to_the_git_directory(top: Path) -> Path:
    main = born(top / "main")
    (main / ".git").rename(top / "elsewhere.git")
    (main / ".git").symlink_to(top / "elsewhere.git")
    return main


def a_relative_link(top: Path) -> Path:
    dogs = linked(born(top / "main"))
    (dogs / ".git").write_text("gitdir: ../main/.git/worktrees/dogs\n")
    return dogs


def a_working_copy_elsewhere(top: Path) -> Path:
    main = born(top / "main")
    git("config", "core.worktree", "../../files", cwd=main)
    (top / "files").mkdir()
    return main


def a_worktree_of_a_bare_repository(top: Path) -> Path:
    git("clone", "--quiet", "--bare", str(born(top / "main")), str(top / "bare.git"), cwd=top)
    (top / "bare").mkdir()
    return linked_in_bare(top)


def linked_in_bare(top: Path) -> Path:
    git("worktree", "add", "--quiet", "-b", "dogs", str(top / "dogs"), cwd=top / "bare.git")
    (top / "dogs" / "code").mkdir()
    return top / "dogs"


def bare_as_dot_git(top: Path) -> Path:
    git("clone", "--quiet", "--bare", str(born(top / "main")), str(top / "around" / ".git"), cwd=top)
    (top / "around" / "code").mkdir()
    return top / "around"


def sparse_with_a_configuration_of_its_own(top: Path) -> Path:
    main = born(top / "main")
    git("sparse-checkout", "init", cwd=main)
    return linked(main)


def a_reached_through_a_link(top: Path) -> Path:
    (top / "link").symlink_to(born(top / "main"))
    return top / "link"


def an_empty_directory_called_dot_git(top: Path) -> Path:
    main = born(top / "main")
    (main / "below" / ".git").mkdir(parents=True)
    (main / "below" / "code").mkdir()
    return main / "below"


SCENES: list[Callable[[Path], Path]] = [
    plain, a_copied_worktree, a_moved_worktree, a_copied_repository, a_separate_git_directory,
    a_worktree_of_that, a_link_to_the_git_directory, a_relative_link, a_working_copy_elsewhere,
    a_worktree_of_a_bare_repository, bare_as_dot_git, sparse_with_a_configuration_of_its_own,
    a_reached_through_a_link, an_empty_directory_called_dot_git,
]  # fmt: skip


@combinations.sample(3)
@pytest.mark.parametrize("scene", SCENES)
def test_the_working_copy_is_where_git_sees_it(tmp_path: Path, scene: Callable[[Path], Path]) -> None:
    """And our git processes see what a person's git sees in that directory."""
    directory = scene(tmp_path)
    for place in (directory, directory / "code"):
        assert by_us(place) == by_git(place)
    words = ("rev-parse", "--absolute-git-dir", "--git-common-dir", "HEAD")
    ours = Repository.discover(directory).git(*words).decode().split()
    theirs = git(*words, cwd=directory).split()
    assert [(directory / word).resolve() for word in ours] == [(directory / w).resolve() for w in theirs]


@pytest.mark.parametrize(
    ("lost", "named", "remedy"),
    [
        ("refs", "refs/", "mkdir"),
        ("objects", "objects/", "backup"),
        ("HEAD", "a valid HEAD", "ref: refs/heads/BRANCH"),
    ],
)
def test_a_damaged_repository_is_named(tmp_path: Path, lost: str, named: str, remedy: str) -> None:
    """git would act on the repository around it, without a word, or say that there is none."""
    inner = born(born(tmp_path / "outer") / "code" / "inner")
    (inner / ".git" / lost).rename(tmp_path / "lost")
    with pytest.raises(NoRepository) as caught:
        Repository.discover(inner / "code")
    assert names(caught.value, f"{inner}/.git", named)
    assert remedy in str(caught.value.hint)
    assert isinstance(caught.value, NotAModel)


def test_refs_that_a_copy_lost_come_back_as_the_hint_says(tmp_path: Path) -> None:
    main = born(tmp_path / "main")
    git("pack-refs", "--all", cwd=main)
    shutil.rmtree(main / ".git" / "refs")
    with pytest.raises(NoRepository) as caught:
        Repository.discover(main)
    command, _, _ = str(caught.value.hint).partition(";")
    subprocess.run(command, shell=True, check=True)
    assert Repository.discover(main).head() == "main"
    assert git("log", "--format=%s", cwd=main) == "first\n"


def test_a_moved_main_repository(tmp_path: Path) -> None:
    dogs = linked(born(tmp_path / "main"))
    (tmp_path / "main").rename(tmp_path / "other")
    with pytest.raises(NoRepository) as caught:
        Repository.discover(dogs)
    assert names(caught.value, dogs / ".git", tmp_path / "main")
    assert f"if {tmp_path}/main was moved, run git worktree repair {dogs}" in str(caught.value.hint)
    git("worktree", "repair", str(dogs), cwd=tmp_path / "other")
    assert Repository.discover(dogs).common == tmp_path / "other" / ".git"


def test_a_file_that_is_no_link(tmp_path: Path) -> None:
    (tmp_path / ".git").write_text("hello\n")
    with refuses(tmp_path / ".git", kind=NoRepository):
        Repository.discover(tmp_path)


def test_the_git_directory_itself(tmp_path: Path) -> None:
    main = a_separate_git_directory(tmp_path)
    assert Repository.discover(main / ".git").directory == main
    assert Repository.discover(tmp_path / "elsewhere").is_bare  # nothing says whose it is


def test_reftables_are_refused(tmp_path: Path) -> None:
    main = born(tmp_path / "main")
    for key, value in {"core.repositoryformatversion": "1", "extensions.refStorage": "reftable"}.items():
        git("config", "--file", str(main / ".git" / "config"), key, value, cwd=tmp_path)
    with refuses("reftable", hint="git refs migrate --ref-format=files"):
        Repository.discover(main)


@pytest.mark.parametrize("extension", ["partialClone=origin", "refStorage=files", "relativeWorktrees=true"])
def test_extensions_that_do_no_harm(tmp_path: Path, extension: str) -> None:
    main = born(tmp_path / "main")
    key, value = extension.split("=")
    git("config", "--file", str(main / ".git" / "config"), "core.repositoryformatversion", "1", cwd=main)
    git("config", "--file", str(main / ".git" / "config"), f"extensions.{key}", value, cwd=tmp_path)
    assert Repository.discover(main).head() == "main"


def test_a_head_that_cannot_be_read_is_not_called_damaged(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is told to write over a HEAD that is right, because the disk failed once."""
    head = model.repository.git_directory / "HEAD"
    read = Path.read_bytes

    def fail(path: Path) -> bytes:
        if path == head:
            raise OSError(errno.EIO, "Input/output error", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", fail)
    with pytest.raises(OSError, match="Input/output error"):
        Model.open(model.directory)
