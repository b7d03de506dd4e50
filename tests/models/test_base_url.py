"""A base's URL that is relative to where the model was cloned from, as a store records it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.git.repository import Repository
from gitstore.models.base_url import keep_relative, resolve_base_url
from gitstore.settings import BasedOn
from tests.support.commands import git

RELATIVE = "../../ada/digits.git"


def make(directory: Path, **remotes: str) -> Repository:
    """A repository with remotes."""
    git("init", "--quiet", "-b", "main", str(directory), cwd=directory.parent)
    for name, url in remotes.items():
        git("config", f"remote.{name}.url", url, cwd=directory)
    return Repository.discover(directory)


def based_on(url: str | None) -> BasedOn:
    return BasedOn(model="digits", snapshot="v1", tag="1" * 40, commit="2" * 40, url=url)


@pytest.mark.parametrize("url", [None, "/srv/x", "git@host:ada/digits", "https://example.org/ada/digits"])
def test_a_url_that_is_not_relative(url: str | None, tmp_path: Path) -> None:
    repository = make(tmp_path / "fine", origin="git@host:eve/fine")
    assert resolve_base_url(repository, based_on(url)) == url


def test_a_clone(tmp_path: Path) -> None:
    repository = make(tmp_path / "fine", origin="git@host:eve/fine", other="https://example.com/x/y")
    assert resolve_base_url(repository, based_on(RELATIVE)) == "git@host:ada/digits.git"
    repository.set_config("branch.main.remote", "other")
    assert resolve_base_url(repository, based_on(RELATIVE)) == "https://example.com/ada/digits.git"


def test_a_remote_that_is_a_path(tmp_path: Path) -> None:
    repository = make(tmp_path / "fine", origin="../store/eve/fine.git")
    assert resolve_base_url(repository, based_on(RELATIVE)) == f"{tmp_path}/store/ada/digits.git"


def test_the_repository_in_the_store_itself(tmp_path: Path) -> None:
    bare = tmp_path / "store" / "eve" / "fine.git"
    git("init", "--quiet", "--bare", str(bare), cwd=tmp_path)
    assert resolve_base_url(Repository(bare), based_on(RELATIVE)) == f"{tmp_path}/store/ada/digits.git"


def test_one_that_leads_too_far(tmp_path: Path) -> None:
    """It never becomes the name of another host."""
    repository = make(tmp_path / "fine", origin="https://example.org/fine")
    assert resolve_base_url(repository, based_on(RELATIVE)) == RELATIVE


def test_what_is_recorded_stays_relative_as_long_as_it_leads_there(tmp_path: Path) -> None:
    repository, base = make(tmp_path / "fine", origin="ssh://u:p@example.org/eve/fine"), based_on(RELATIVE)
    assert keep_relative(repository, base, "ssh://u@example.org/ada/digits.git") == RELATIVE
    assert (
        keep_relative(repository, base, "https://example.org/ada/other.git")
        == "https://example.org/ada/other.git"
    )
    assert keep_relative(repository, based_on("/srv/x"), "/srv/x") == "/srv/x"
    assert keep_relative(repository, None, "/srv/x") == "/srv/x"
