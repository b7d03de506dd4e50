"""docs/format.md, "In a repository of their own": what stock git finds there, and what it may do to it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Fsck, Run
from tests.support.models import put, take
from tests.support.stock import Stock


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """dogs, which is based on the snapshot v1 of the repository digits beside it."""
    put(scenes.referencing(tmp_path), "initial", {"weights": b"dogs"})
    return Stock(tmp_path / "dogs")


@pytest.fixture
def base(stock: Stock) -> Stock:
    return Stock(stock.directory.with_name("digits"))


def test_the_base_is_in_refs_settings_and_configuration(stock: Stock, base: Stock) -> None:
    tag, commit = base.git("rev-parse", "v1", "v1^{commit}").split()
    text = stock.git("show", "main:settings.yaml").replace('"', "")
    assert f"{text}\n".endswith(
        f"based_on:\n  model: digits\n  snapshot: v1\n  tag: {tag}\n  commit: {commit}\n"
        f"  url: {base.directory}\n"
    )
    assert stock.git("log", "-1", "--format=%P", "main") == commit
    listed = stock.git("for-each-ref", "--format=%(refname) %(objecttype)").splitlines()
    assert listed == [
        "refs/heads/main commit",
        "refs/remotes/base/digits/v1 tag",
        "refs/states/initial commit",
    ]
    assert stock.git("rev-parse", "base/digits/v1") == tag
    keys = ("url", "fetch", "tagOpt")
    values = [stock.git("config", "--local", f"remote.base.{key}") for key in keys]
    assert values == [str(base.directory), "^refs/*", "--no-tags"]
    assert not Path(stock.git("config", "--local", "remote.base.pushurl")).exists()


def test_it_needs_no_other_repository(stock: Stock, base: Stock, run: Run, fsck: Fsck) -> None:
    assert not (stock.directory / ".git" / "objects" / "info" / "alternates").exists()
    shutil.rmtree(base.directory)
    assert run("snapshot", "v1", cwd=stock.directory).code == 0
    assert run("verify", "--all", cwd=stock.directory).code == 0
    fsck(stock.directory)


def test_a_fetch_shows_the_base_s_refs_and_brings_none(stock: Stock, base: Stock) -> None:
    take(Model.open(base.directory), "v2")
    before = stock.git("for-each-ref")
    assert "refs/tags/v2" in stock.git("ls-remote", "base")
    for words in ("base", "--all", "--tags base", "--prune base", ""):
        stock.git("fetch", "--quiet", *words.split())
    stock.git("remote", "update")
    assert stock.git("for-each-ref") == before
    assert stock.git("rev-parse", "base/digits/v1^{commit}") == base.git("rev-parse", "v1^{commit}")


def test_a_push_does_not_reach_the_base(stock: Stock, base: Stock) -> None:
    take(Model.open(stock.directory), "v9")
    before = base.git("for-each-ref")
    for words in ("", "base", "base main", "--all base", "--tags base"):
        command = ["git", "push", *words.split()]
        done = subprocess.run(command, cwd=stock.directory, capture_output=True, check=False)
        assert done.returncode != 0, words
    assert base.git("for-each-ref") == before


def test_the_base_s_tag_is_there_for_people_only(stock: Stock, run: Run) -> None:
    stock.git("update-ref", "-d", "refs/remotes/base/digits/v1")
    stock.git("remote", "remove", "base")
    assert run("snapshot", "v1", cwd=stock.directory).code == 0
    assert run("verify", "--all", cwd=stock.directory).code == 0


def test_its_snapshots_are_without_a_prefix(stock: Stock, base: Stock, run: Run) -> None:
    assert run("snapshot", "v1", cwd=stock.directory).code == 0
    tag = base.git("rev-parse", "v1")
    assert f"Based-On: digits@v1 {tag}" in stock.git("cat-file", "tag", "refs/tags/v1").splitlines()
    assert stock.git("rev-parse", "v1:code") == base.git("rev-parse", "v1:code")


def test_one_that_stock_git_made(base: Stock, run: Run, tmp_path: Path, fsck: Fsck) -> None:
    """By a fetch of one tag, and a commit on it."""
    tag, commit = base.git("rev-parse", "v1", "v1^{commit}").split()
    (tmp_path / "cats").mkdir()
    cats = Stock(tmp_path / "cats")
    cats.git("init", "--quiet", "--initial-branch=main")
    cats.git("fetch", "--quiet", "--no-tags", str(base.directory), "refs/tags/v1")
    settings = (
        f"name: cats\nbased_on:\n  model: digits\n  snapshot: v1\n  tag: {tag}\n  commit: {commit}\n"
        f"  url: https://example.org/digits.git\n"
    )
    top = {
        ".gitignore": b"/states/\n",
        "code": cats.entries(commit)["code"],
        "settings.yaml": settings.encode(),
    }
    cats.git("reset", "--quiet", "--hard", cats.commit(cats.tree(top), commit))
    put(Model.open(cats.directory), "initial", {"w": b"w"})
    for command in ("snapshot v1", "verify --all", "restore v1 --force"):
        assert run(*command.split(), cwd=cats.directory).code == 0, command
    assert cats.git("rev-parse", "v1:code") == base.git("rev-parse", "v1:code")
    fsck(cats.directory)
    (cats.directory / "code" / "new.py").write_text("new\n")
    assert run("snapshot", "v2", cwd=cats.directory).code == 1
