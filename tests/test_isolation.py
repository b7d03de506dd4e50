"""The tests' own promise: they neither see nor touch what belongs to whoever runs them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gitstore.git.repository import Repository
from tests.support.commands import Fsck, Git, Gitstore
from tests.support.real_home import ACCOUNT_HOME


def test_home_is_a_temporary_one(home: Path, tmp_path: Path) -> None:
    assert Path.home() == home
    assert home.parent == tmp_path.parent


@pytest.mark.skipif(Path("/") == ACCOUNT_HOME, reason="the account has no home of its own")
@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_text("x"),
        lambda path: path.mkdir(),
        lambda path: path.symlink_to("x"),
        lambda path: os.close(os.open(path, os.O_CREAT | os.O_RDWR)),
    ],
)
def test_writing_to_the_real_home_fails(write: object) -> None:
    path = ACCOUNT_HOME / "a-test-was-here"
    with pytest.raises(PermissionError, match="a test writes to the real home"):
        write(path)  # type: ignore[operator]
    assert not path.exists()


def test_git_knows_nothing_but_the_test(repository: Repository, git: Git, home: Path) -> None:
    origins = git("config", "--list", "--show-origin", cwd=repository.directory).splitlines()
    assert {line.split("\t")[0] for line in origins} == {f"file:{home}/.gitconfig", "file:.git/config"}
    assert git("var", "GIT_AUTHOR_IDENT", cwd=repository.directory) == (
        "Ada Lovelace <ada@example.org> 1700000000 +0000\n"
    )


def test_libgit2_reads_the_same_configuration(repository: Repository, git: Git) -> None:
    git("config", "--global", "gitstore.test", "seen", cwd=repository.directory)
    assert repository.config("gitstore.test") == "seen"


def test_a_new_repository_is_sound(repository: Repository, fsck: Fsck) -> None:
    fsck(repository)


def test_fsck_fails_when_git_has_anything_to_say(repository: Repository, git: Git, fsck: Fsck) -> None:
    (repository.common / "refs/heads/broken").write_text("0123456789" * 4)
    with pytest.raises(AssertionError, match="refs/heads/broken: invalid sha1 pointer"):
        fsck(repository)


def test_the_command_is_the_installed_one(gitstore: Gitstore, tmp_path: Path) -> None:
    outcome = gitstore("--version", cwd=tmp_path)
    assert (outcome.code, outcome.stderr) == (0, "")
    assert outcome.stdout.startswith("gitstore ")
