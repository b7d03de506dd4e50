"""Which ssh is started, and with what words: the same as git starts for the same URL."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.git.transport.address import GitAddress, read_address
from gitstore.git.transport.ssh import run_there
from tests.support.commands import git

PROGRAM = """\
#!/bin/sh
printf '<%s>' "$@" >> {log}
echo >> {log}
test "$1" != -G || exit {detected}
echo out
echo err >&2
exit 3
"""

WORDS = ("rm", "--json", "a b@v1'; $(id)")
URLS = ("ssh://ada@host/x", "ssh://ada@host:22/x", "git@[::1]:x", "[host:22]:x")


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    git("init", "--quiet", "work", cwd=tmp_path)
    return Repository(tmp_path / "work")


def make_program(directory: Path, name: str = "ssh", *, detected: int = 0) -> Path:
    """An ssh that writes down its words, one line for each start."""
    path = directory / name
    path.write_text(PROGRAM.format(log=shlex.quote(str(directory / "log")), detected=detected))
    path.chmod(0o755)
    return path


def read_log(directory: Path) -> list[str]:
    log = directory / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    log.unlink(missing_ok=True)
    return lines


def start(repository: Repository, url: str) -> None:
    address = read_address(repository, url)
    assert address is not None
    completed = run_there(Repository(repository.directory), address, WORDS)
    assert completed == (3, b"out\n", "err\n")


def list_both(repository: Repository, url: str, directory: Path) -> tuple[list[str], list[str]]:
    """The words of our ssh and of git's, without the command."""
    start(repository, url)
    ours = read_log(directory)
    command = ["git", "-c", "protocol.version=0", "ls-remote", url]
    subprocess.run(command, cwd=repository.directory, capture_output=True, check=False)
    theirs = [re.sub("<git-upload-pack '/?x'>", "", line) for line in read_log(directory)]
    return [line.replace(f"<{shlex.join(WORDS)}>", "") for line in ours], theirs


@pytest.mark.parametrize("url", URLS)
@pytest.mark.parametrize("name", ["ssh", "plink", "TortoisePlink.exe", "other"])
def test_it_is_started_as_git_starts_it(
    repository: Repository, url: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = make_program(tmp_path, name)
    monkeypatch.setenv("GIT_SSH", str(program))
    ours, theirs = list_both(repository, url, tmp_path)
    assert ours == theirs
    assert ours


def test_the_user_s_command_line_is_for_a_shell_and_nothing_else(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_program(tmp_path, "my ssh")
    git("config", "core.sshCommand", f"'{tmp_path}/my ssh' -i \"$HOME/key\" -v", cwd=repository.directory)
    git("config", "ssh.variant", "plink", cwd=repository.directory)
    monkeypatch.setenv("HOME", "/h/a b")
    ours, theirs = list_both(repository, "ssh://ada@host:22/x", tmp_path)
    assert ours == theirs == ["<-i></h/a b/key><-v><-P><22><ada@host>"]
    monkeypatch.setenv("GIT_SSH_COMMAND", f"'{tmp_path}/my ssh' -4")
    monkeypatch.setenv("GIT_SSH_VARIANT", "unheard-of")  # that is ssh
    ours, theirs = list_both(repository, "ssh://ada@host:22/x", tmp_path)
    assert ours == theirs == ["<-4><-p><22><ada@host>"]


def test_the_command_is_one_quoted_word(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", str(make_program(tmp_path)))
    start(repository, "ssh://host/x")
    (line,) = read_log(tmp_path)
    command = line.removeprefix("<host><").removesuffix(">")
    assert tuple(shlex.split(command)) == WORDS


def test_an_ssh_that_takes_no_port(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_SSH", str(make_program(tmp_path, "other", detected=1)))
    start(repository, "ssh://host/x")
    with pytest.raises(GitstoreError, match="cannot be given a port"):
        start(repository, "ssh://host:22/x")


@pytest.mark.parametrize("host", ["-oProxyCommand=x", ""])
def test_a_host_that_ssh_would_take_for_an_option(repository: Repository, host: str) -> None:
    with pytest.raises(GitstoreError, match="cannot be a host"):
        run_there(repository, GitAddress("ssh", host, None, "x"), WORDS)


def test_a_port_that_is_none(repository: Repository) -> None:
    with pytest.raises(GitstoreError, match="not the number of a port"):
        run_there(repository, GitAddress("ssh", "host", "-x", "x"), WORDS)


@pytest.mark.parametrize("stream", ["1", "2"])
def test_an_answer_without_end_is_cut(
    repository: Repository, monkeypatch: pytest.MonkeyPatch, stream: str
) -> None:
    monkeypatch.setenv("GIT_SSH_COMMAND", f"yes >&{stream}; :")
    monkeypatch.setenv("GIT_SSH_VARIANT", "ssh")
    completed = run_there(repository, GitAddress("ssh", "host", None, "x"), WORDS)
    assert sorted([len(completed.stdout), len(completed.stderr)]) == [0, 64 * 1024]


def test_an_ssh_that_is_not_there(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_SSH", "/nowhere/ssh")
    with pytest.raises(GitstoreError, match="/nowhere/ssh cannot be started: No such file"):
        run_there(repository, GitAddress("ssh", "host", None, "x"), WORDS)
