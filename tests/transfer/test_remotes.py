"""Finding a remote: its URL is git's own, and git is asked only where that is not plain to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.models.model import Model
from gitstore.transfer.remotes import find_remote
from tests.support.commands import git
from tests.support.models import again
from tests.support.sharing import connect
from tests.support.tracing import list_git_commands

PLAIN = "https://example.org/ada/digits"
CASES: dict[str, list[tuple[str, str]]] = {
    "a URL for pushing": [("remote.origin.pushurl", "ssh://example.org/ada/digits")],
    "another place": [("url.file:///mirror/.insteadOf", "https://example.org/")],
    "another place for pushing": [("url.ssh://example.org/.pushInsteadOf", "https://example.org/")],
    "several URLs": [("remote.origin.url", "https://example.net/ada/digits")],
    "several for pushing": [("remote.origin.pushurl", "ssh://a/b"), ("remote.origin.pushurl", "ssh://c/d")],
}


@pytest.mark.parametrize("case", CASES)
def test_the_url_is_git_s(model: Model, case: str) -> None:
    connect(model, PLAIN)
    for key, value in CASES[case]:
        git("config", "--add", key, value, cwd=model.directory)
    for to_push, options in ((False, []), (True, ["--push"])):
        remote = find_remote(again(model).repository, None, directory=model.directory, to_push=to_push)
        assert remote.url == git("remote", "get-url", *options, "origin", cwd=model.directory).strip()


@pytest.mark.parametrize("to_push", [False, True])
def test_a_plain_url_takes_no_other_process(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, to_push: bool
) -> None:
    repository = connect(model, PLAIN).repository
    with list_git_commands(tmp_path / "trace", monkeypatch) as commands:
        remote = find_remote(repository, None, directory=model.directory, to_push=to_push)
    assert (remote.name, remote.url, commands) == ("origin", PLAIN, ["config"])
