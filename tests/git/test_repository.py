from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from gitstore.errors import Corrupt, GitstoreError, NotAModel
from gitstore.git import process as stock
from gitstore.git.config import BIG_FILE_THRESHOLD
from gitstore.git.repository import Repository
from gitstore.objects import commit
from gitstore.objects.database import MissingObject
from gitstore.packs.oid import Kind, Oid
from tests.support.commands import fsck, git
from tests.support.failing import names, refuses
from tests.support.packs import add_blobs, descriptors


@pytest.fixture
def born(repository: Repository) -> Repository:
    git("commit", "--quiet", "--allow-empty", "-m", "first", cwd=repository.directory)
    return repository


def test_a_new_repository_is_git_s_own(tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "a" / "b", branch="trunk")
    assert (
        git("status", "--porcelain", "--branch", cwd=repository.directory) == "## No commits yet on trunk\n"
    )
    assert (repository.directory, repository.git_directory) == (tmp_path / "a/b", tmp_path / "a/b/.git")
    assert (repository.common, repository.is_bare, repository.head()) == (
        repository.git_directory,
        False,
        "trunk",
    )
    fsck(repository)


@pytest.mark.parametrize("below", [".", "code/lib", ".git", ".git/refs"])
def test_it_is_found_from_below(repository: Repository, below: str) -> None:
    (repository.directory / "code" / "lib").mkdir(parents=True)
    found = Repository.discover(repository.directory / below)
    assert (found.directory, found.common) == (repository.directory, repository.common)


def test_it_is_found_from_a_linked_worktree(born: Repository, tmp_path: Path) -> None:
    git("worktree", "add", "--quiet", str(tmp_path / "linked"), "-b", "dogs", cwd=born.directory)
    (tmp_path / "linked" / "code").mkdir()
    found = Repository.discover(tmp_path / "linked" / "code")
    assert (found.directory, found.git_directory, found.common) == (
        tmp_path / "linked", born.common / "worktrees" / "linked", born.common
    )  # fmt: skip
    assert (found.head(), born.head()) == ("dogs", "main")
    assert found.private == born.private
    add_blobs(found.objects, b"x")
    assert born.objects.read(Oid.of(Kind.BLOB, b"x")) == (Kind.BLOB, b"x")
    git("checkout", "--quiet", "--detach", cwd=tmp_path / "linked")
    assert found.head() is None
    head = born.refs.get("HEAD")
    expected = [(born.directory, "main", None, None), (tmp_path / "linked", None, head, None)]
    assert found.worktrees() == born.worktrees() == expected


def test_a_bare_repository(born: Repository, tmp_path: Path) -> None:
    git("clone", "--quiet", "--bare", str(born.directory), str(tmp_path / "bare.git"), cwd=tmp_path)
    found = Repository.discover(tmp_path / "bare.git")
    assert found.is_bare
    assert found.directory == found.common == tmp_path / "bare.git"
    assert found.worktrees() == []
    assert found.head() == "main"


def test_a_submodule_is_a_repository_of_its_own(born: Repository, tmp_path: Path) -> None:
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(born.directory), "sub",
        cwd=Repository.create(tmp_path / "outer").directory)  # fmt: skip
    found = Repository.discover(tmp_path / "outer" / "sub")
    assert (found.directory, found.common) == (tmp_path / "outer/sub", tmp_path / "outer/.git/modules/sub")


def test_a_directory_in_no_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with refuses(tmp_path, hint="gitstore init", kind=NotAModel):
        Repository.discover(tmp_path)
    monkeypatch.chdir(tmp_path)
    with refuses(tmp_path, hint="gitstore init", kind=NotAModel):
        Repository.discover(Path())
    assert NotAModel.exit_code == 10


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with refuses(f"{tmp_path}/gone", kind=NotAModel):
        Repository.discover(tmp_path / "gone")


def test_sha256_is_refused(tmp_path: Path) -> None:
    git("init", "--quiet", "--object-format=sha256", cwd=tmp_path)
    with refuses(f"{tmp_path}/.git"):
        Repository.discover(tmp_path)


def test_what_is_no_repository_after_all(tmp_path: Path) -> None:
    with refuses(tmp_path):
        Repository(tmp_path)


def test_a_new_repository_is_configured_unless_the_user_has_chosen(tmp_path: Path) -> None:
    assert Repository.create(tmp_path / "a").config("core.bigFileThreshold") == BIG_FILE_THRESHOLD
    git("config", "--global", "core.bigFileThreshold", "1m", cwd=tmp_path)
    Repository.create(tmp_path / "b")
    assert "bigFileThreshold" not in (tmp_path / "b" / ".git" / "config").read_text()


def test_the_first_write_configures_and_the_user_s_choice_stays(tmp_path: Path) -> None:
    git("init", "--quiet", cwd=tmp_path)
    repository = Repository.discover(tmp_path)
    assert repository.config("core.bigFileThreshold") is None
    add_blobs(repository.objects, b"x")
    with repository.writer():
        pass
    assert git("config", "core.bigFileThreshold", cwd=repository.directory).strip() == BIG_FILE_THRESHOLD
    repository.set_config("core.bigFileThreshold", "1m")
    with repository.writer():
        pass
    assert repository.config("core.bigFileThreshold") == "1m"


def test_identity_is_git_s(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    assert repository.identity() == "Ada Lovelace <ada@example.org> 1700000000 +0000"
    monkeypatch.delenv("GIT_COMMITTER_NAME")
    git("config", "user.name", "Größe", cwd=repository.directory)
    assert repository.identity() == "Größe <ada@example.org> 1700000000 +0000"


@pytest.mark.parametrize(
    ("name", "email", "date"),
    [
        ("Ada", "ada@example.org", "1700000000 +0000"),
        ("A. B. Lovelace", "a.b+c@x", "1700000000 -0930"),
        ("A.", "<a@x>.", "1700000000 +0000"),
        ("", "", "1700000000 +0000"),
        ("Ada\nL <x>", "a x", "2026-11-27T10:00:00+01:00"),
        ("Ada", "a", "100000 +0000"),
        ("Ada", "a", "1700000000 +0060"),
    ],
)
def test_an_identity_from_the_environment_is_git_s(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, *, name: str, email: str, date: str
) -> None:
    for key, value in (("NAME", name), ("EMAIL", email), ("DATE", date)):
        monkeypatch.setenv(f"GIT_COMMITTER_{key}", value)
    command = ["git", "var", "GIT_COMMITTER_IDENT"]
    done = subprocess.run(command, cwd=repository.directory, capture_output=True, text=True, check=False)
    if done.returncode:
        with refuses():
            repository.identity()
    else:
        assert repository.identity() == done.stdout.rstrip("\n")


def test_what_is_written_together_has_one_identity(
    repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    with repository.writer():
        first = repository.identity()
        monkeypatch.setenv("GIT_COMMITTER_DATE", "1800000000 +0000")
        with repository.writer():
            assert repository.identity() != first
        assert repository.identity() == first
    assert repository.identity() == "Ada Lovelace <ada@example.org> 1800000000 +0000"


def test_an_identity_that_is_missing(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.delenv("GIT_COMMITTER_NAME")
    monkeypatch.delenv("GIT_COMMITTER_EMAIL")
    (home / ".gitconfig").write_text("[user]\n\tuseConfigOnly = true\n")
    with refuses():
        repository.identity()


def test_commits_and_ancestry(born: Repository) -> None:
    first = born.refs.get("HEAD")
    git("commit", "--quiet", "--allow-empty", "-m", "second", cwd=born.directory)
    second = born.refs.get("HEAD")
    assert first is not None and second is not None
    assert born.commit(second).parents == (first,)
    assert born.is_ancestor(first, second) and born.is_ancestor(first, first)
    assert not born.is_ancestor(second, first)


def test_ancestry_is_known_after_a_merge_of_packs(repository: Repository) -> None:
    """libgit2 has looked at the packs that have gone by then."""
    tips: list[Oid] = []
    for number in range(4):
        with repository.writer() as writer:
            tree = writer.add(Kind.TREE, b"")
            content = commit.encode(tree, tips[-1:], identity=repository.identity(), message=f"{number}")
            tips.append(writer.add(Kind.COMMIT, content))
            writer.finish()
    assert repository.is_ancestor(tips[0], tips[1])
    repository.maintain()
    assert len(repository.objects.packs) == 1
    assert repository.is_ancestor(tips[0], tips[3])
    assert not repository.is_ancestor(tips[3], tips[0])


def test_a_commit_that_is_not_there(repository: Repository) -> None:
    oid = Oid(bytes(range(20)))
    with refuses(oid, kind=MissingObject):
        repository.commit(oid)
    assert MissingObject.exit_code == 12


def test_a_commit_that_is_malformed(repository: Repository) -> None:
    with repository.writer() as writer:
        oid = writer.add(Kind.COMMIT, b"no commit")
        writer.finish()
    with refuses(oid, kind=Corrupt):
        repository.commit(oid)


@pytest.mark.parametrize("name", ["a b", "größe", "\udcff", "new\nline"])
def test_worktrees_anywhere(born: Repository, tmp_path: Path, name: str) -> None:
    git("worktree", "add", "--quiet", str(tmp_path / name), "-b", "other", cwd=born.directory)
    assert [each[:2] for each in born.worktrees()] == [(born.directory, "main"), (tmp_path / name, "other")]


def test_packs_close_with_the_repository(repository: Repository) -> None:
    """At once, not when the garbage collector comes by: who opens many repositories would run out of them."""
    written = add_blobs(repository.objects, b"x")
    assert written is not None
    fresh = Repository(repository.common)
    fresh.objects.read(Oid.of(Kind.BLOB, b"x"))
    assert descriptors(written.path) == 1
    del fresh
    assert descriptors(written.path) == 0


def test_upkeep_never_fails_a_write(born: Repository) -> None:
    (born.private / "merge.lock").mkdir(parents=True)
    add_blobs(born.objects, b"a")
    born.maintain()
    assert born.objects.read(Oid.of(Kind.BLOB, b"a")) == (Kind.BLOB, b"a")


# Stock git


def test_git_s_message_is_ours(repository: Repository) -> None:
    with pytest.raises(stock.GitFailed) as caught:
        repository.git("rev-parse", "--verify", "nothing")
    assert names(caught.value, "git rev-parse", "Needed a single revision")
    assert caught.value.returncode == 128


def test_a_git_that_says_nothing(repository: Repository) -> None:
    with refuses("git diff", 1, kind=stock.GitFailed):
        (repository.directory / "a").write_text("a")
        repository.git("diff", "--no-index", "--quiet", "/dev/null", "a")


def test_no_git(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with refuses():
        repository.git("status")


def test_no_directory_to_run_in(tmp_path: Path) -> None:
    with refuses(f"{tmp_path}/gone"):
        stock.run("status", cwd=tmp_path / "gone")


def test_variables_reach_git_with_any_bytes(repository: Repository) -> None:
    value = "größe = \udcff \n x"
    variables = {"GIT_EDITOR": value}
    assert stock.read_line("var", "GIT_EDITOR", cwd=repository.directory, variables=variables) == value
    assert os.environ.get("GIT_EDITOR") is None


def test_an_error_has_its_exit_code() -> None:
    assert GitstoreError.exit_code == 1
