"""docs/format.md, "Aliases": moves as stock git reads them, and what it does to them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.models import reference
from gitstore.models.model import Model
from tests.support import scenes
from tests.support.commands import Fsck, Run
from tests.support.stock import Stock


@pytest.fixture
def stock(tmp_path: Path, run: Run) -> Stock:
    """digits with v1 and v2, of which production was the first and is the second."""
    directory = scenes.snapshot(tmp_path, "v1", "v2").repository.directory
    for name in ("v1", "v2"):
        assert run("alias", "set", "production", name, "-m", f"{name} is better", cwd=directory).code == 0
    return Stock(directory)


def test_git_log_shows_the_history(stock: Stock) -> None:
    shown = stock.git(
        "log", "--format=%an %s %(trailers:key=To,valueonly,separator=)", "refs/aliases/production"
    )
    tags = [stock.git("rev-parse", name) for name in ("v2", "v1")]
    assert shown.splitlines() == [
        f"Ada Lovelace v2 is better v2 {tags[0]}",
        f"Ada Lovelace v1 is better v1 {tags[1]}",
    ]
    message = stock.git("log", "-1", "--format=%B", "refs/aliases/production")
    trailers = stock.git("interpret-trailers", "--parse", stdin=message.encode()).splitlines()
    assert trailers == [
        "Model: digits",
        "Alias: production",
        f"From: v1 {tags[1]}",
        f"To: v2 {tags[0]}",
        "Gitstore-Format: 1",
    ]


def test_a_move_is_a_commit_with_an_empty_tree_and_one_parent(stock: Stock) -> None:
    assert stock.git("rev-parse", "refs/aliases/production^{tree}") == stock.git("mktree")
    assert stock.git("rev-list", "--count", "refs/aliases/production") == "2"


def test_a_mirror_and_a_garbage_collection_keep_it(stock: Stock, tmp_path: Path, fsck: Fsck) -> None:
    stock.git("gc", "--quiet", "--prune=now")
    stock.git("pack-refs", "--all")
    stock.git("clone", "--quiet", "--mirror", str(stock.directory), str(tmp_path / "mirror.git"))
    fsck(tmp_path / "mirror.git")
    for directory in (stock.directory, tmp_path / "mirror.git"):
        assert reference.resolve("production", directory).name == "v2"


def test_stock_git_moves_it_back(stock: Stock) -> None:
    stock.git("update-ref", "refs/aliases/production", "refs/aliases/production^")
    assert reference.resolve("production", Model.open(stock.directory).directory).name == "v1"
