"""Where URLs lead, as git reads them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.git.repository import Repository
from gitstore.git.transport.address import GitAddress, read_address
from tests.support.commands import git


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    git("init", "--quiet", "work", cwd=tmp_path)
    return Repository(tmp_path / "work")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("ssh://ada@host:22/models/a%20b", ("ssh", "ada@host", "22", "/models/a b")),
        ("ssh://ada@[::1]:22/~eve/x", ("ssh", "ada@::1", "22", "~eve/x")),
        ("git@host:ada/digits.git", ("ssh", "git@host", None, "ada/digits.git")),
        ("[host:33]:ada/digits", ("ssh", "host", "33", "ada/digits")),
        ("ssh://-oProxyCommand=x/y", ("ssh", "-oProxyCommand=x", None, "/y")),
        ("../models/x:y", ("file", "", None, "../models/x:y")),
        ("file:///srv/a%20b", ("file", "", None, "/srv/a b")),
        ("git://host:9/x", ("git", "host:9", None, "/x")),
        ("https://host.example/ada/a%20b", ("https", "host.example", None, "/ada/a b")),
    ],
)
def test_a_url_has_parts(url: str, address: tuple[str, str, str | None, str], repository: Repository) -> None:
    assert read_address(repository, url) == GitAddress(*address)


@pytest.mark.parametrize("url", ["", "-x:y", "ext::sh -c id", "ssh://host\n/x", "ssh://host"])
def test_what_git_must_not_get_has_none(url: str, repository: Repository) -> None:
    assert read_address(repository, url) is None
