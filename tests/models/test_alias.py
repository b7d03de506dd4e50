"""Reading aliases: where a name leads, its history, and refs that are no aliases."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gitstore.errors import Corrupt
from gitstore.models import alias as aliases
from gitstore.models import reference
from gitstore.models.model import Model
from gitstore.storage.check import check_repository
from tests.support import scenes
from tests.support.stock import Stock


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    scenes.snapshot(tmp_path, "v1", "v2")
    return Stock(tmp_path / "digits")


def write(stock: Stock, name: str, target: str, date: str, *, parent: str | None = None) -> str:
    """Write a move with stock git."""
    tag = stock.git("rev-parse", target)
    message = f"why\n\nAlias: {name}\nTo: {target} {tag}\nGitstore-Format: 1\n"
    above = f"parent {parent}\n" if parent else ""
    who = f"Ada <ada@example.org> {date}"
    head = f"tree {stock.git('mktree')}\n{above}author {who}\ncommitter {who}\n"
    commit = stock.git("hash-object", "-t", "commit", "-w", "--stdin", stdin=f"{head}\n{message}".encode())
    stock.git("update-ref", f"refs/aliases/{name}", commit)
    return commit


def test_what_stock_git_wrote_is_an_alias(stock: Stock, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "gitstore")
    write(stock, "best", "v1", "1700000000 +0000")
    snapshot = reference.resolve("best", stock.directory)
    assert snapshot.name == "v1"
    assert "best is v1" in caplog.messages
    assert reference.resolve("digits@best", stock.directory).tag_oid == snapshot.tag_oid
    assert reference.resolve(f"{stock.directory}@best", stock.directory.parent).name == "v1"


def test_a_time_in_the_past(stock: Stock) -> None:
    first = write(stock, "best", "v1", "1700000000 +0000")
    write(stock, "best", "v2", "1700000100 +0000", parent=first)
    model = Model.open(stock.directory)
    alias = aliases.get_alias(model, "best")

    def at(seconds: int) -> str:
        return aliases.find_at(
            model.repository, alias, datetime.fromtimestamp(seconds, UTC)
        ).move.new.snapshot

    assert [at(1700000000), at(1700000099), at(1700000100), at(1800000000)] == ["v1", "v1", "v2", "v2"]
    with pytest.raises(aliases.NoSuchAlias, match="there was no alias best at 2023-11-14 22:13:19"):
        at(1699999999)


@pytest.mark.parametrize(
    "text", ["why", "why\n\nTo: v1", "why\n\nTo: a/b {tag}", "why\n\nTo: v1 {tag}\nFrom: x"]
)
def test_a_commit_that_is_no_move_is_reported(stock: Stock, text: str) -> None:
    message = text.format(tag=stock.git("rev-parse", "v1"))
    commit = stock.git("commit-tree", stock.git("mktree"), stdin=message.encode())
    stock.git("update-ref", "refs/aliases/best", commit)
    write(stock, "good", "v1", "1700000000 +0000")
    model = Model.open(stock.directory)
    with pytest.raises(Corrupt, match="is not a move of an alias"):
        reference.resolve("best", stock.directory)
    with pytest.raises(Corrupt):
        aliases.list_aliases(model)
    assert list(aliases.list_names_by_tag(model.repository).values()) == [["good"]]
    (problem,) = check_repository(model.repository).problems
    assert problem == f"refs/aliases/best: commit {commit} is not a move of an alias"


def test_an_alias_of_a_removed_snapshot_is_a_notice(stock: Stock) -> None:
    write(stock, "best", "v1", "1700000000 +0000")
    stock.git("tag", "-d", "v1")
    findings = check_repository(Model.open(stock.directory).repository)
    assert "refs/aliases/best is the alias of v1, which was removed" in findings.notices
    assert findings.problems == []


def test_a_snapshot_takes_precedence(stock: Stock) -> None:
    """A fetch may bring a snapshot that is called like an alias here."""
    write(stock, "v2", "v1", "1700000000 +0000")
    assert reference.resolve("v2", stock.directory).name == "v2"
