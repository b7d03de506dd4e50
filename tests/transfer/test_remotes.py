"""Finding a remote: its URL is git's own, and git is asked only where that is not plain to see."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.models.model import Model
from gitstore.transfer.remotes import find_remote, read_push_url
from tests.support.commands import git
from tests.support.models import again
from tests.support.sharing import connect, make_bare
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


def test_a_push_to_a_bare_url_goes_where_git_sends_it(model: Model, tmp_path: Path) -> None:
    """`short:` and `short:x/` stand for places; the longest that fits counts, and those for pushing first."""
    rewritten = {
        f"url.{tmp_path}/nowhere/.insteadOf": "short:",
        f"url.{tmp_path}/.pushInsteadOf": "short:",
        f"url.{tmp_path}/deeper/.pushInsteadOf": "short:x/",
        f"url.{tmp_path}/fetched/.insteadOf": "other:",
    }
    for key, value in rewritten.items():
        git("config", key, value, cwd=model.directory)
    repository = again(model).repository
    for url, place in (("short:a", "a"), ("short:x/b", "deeper/b"), ("other:c", "fetched/c")):
        bare = tmp_path / place
        bare.parent.mkdir(exist_ok=True)
        make_bare(bare)
        remote = find_remote(repository, url, directory=model.directory, to_push=True)
        assert read_push_url(repository, remote) == str(bare)
        git("push", "--quiet", url, "main", cwd=model.directory)
        assert git("for-each-ref", cwd=bare)
