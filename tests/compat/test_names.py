"""docs/format.md, "Names": what names git can hold, and those that gitstore reads none of."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gitstore.names import name_problem
from tests.support import scenes
from tests.support.commands import Run, parsed
from tests.support.stock import Stock

GOOD = ["v1.2-rc_3", "größe", "数字", "x" * 100, "1", "a{b}", "it's", 'a"b;c=$(id)#d']

BAD = [
    *("a@b", "-rf", "HEAD", "head", "Head", "x" * 101, "数" * 81, "0123456789abcdef" * 2 + "01234567"),
    *("gro\u0308\u00dfe", "a\u00a0b", "\u202eb"),
]
"""Names that git takes, but not the format."""


@pytest.fixture
def stock(tmp_path: Path) -> Stock:
    """digits with a snapshot v1."""
    scenes.snapshot(tmp_path)
    return Stock(tmp_path / "digits")


@settings(max_examples=25, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=12))
def test_git_takes_what_we_take(name: str) -> None:
    if name_problem(name) is None:
        subprocess.run(["git", "check-ref-format", f"refs/tags/{name}"], check=True)


def test_good_names_written_by_us_are_read_by_git(stock: Stock, run: Run) -> None:
    for name in GOOD:
        assert run("rename", "v1", name, cwd=stock.directory).code == 0
        assert stock.git("for-each-ref", "--format=%(refname:strip=2)", "refs/tags/") == name
        assert stock.git("cat-file", "tag", f"refs/tags/{name}").splitlines()[2] == f"tag {name}"
        assert run("rename", name, "v1", cwd=stock.directory).code == 0


def test_good_names_written_by_git_are_read_by_us(stock: Stock, run: Run) -> None:
    for name in GOOD:
        stock.snapshot(name, stock.entries("v1"))
        stock.state(name, {"w": b"w"})
    snapshots = parsed(run("list", "--json", cwd=stock.directory))
    assert {snapshot["name"] for snapshot in snapshots} == {*GOOD, "v1"}
    states = parsed(run("state", "list", "--json", cwd=stock.directory))
    assert {state["name"] for state in states} == {*GOOD, "initial"}
    assert run("verify", "--all", cwd=stock.directory).code == 0


def test_bad_names_are_refused_as_snapshots(stock: Stock, run: Run) -> None:
    content = stock.git("cat-file", "tag", "v1")
    for name in BAD:
        renamed = content.replace("tag v1\n", f"tag {name}\n").encode()
        oid = stock.git("hash-object", "-t", "tag", "-w", "--stdin", "--literally", stdin=renamed + b"\n")
        stock.git("update-ref", f"refs/tags/{name}", oid)
        outcome = run("verify", "--all", "--json", cwd=stock.directory)
        assert (outcome.code, json.loads(outcome.stdout)["ok"]) == (12, False), name
        stock.git("update-ref", "-d", f"refs/tags/{name}")
    assert run("verify", "--all", cwd=stock.directory).code == 0


def test_bad_names_are_written_by_no_command(stock: Stock, run: Run) -> None:
    before = stock.git("for-each-ref")
    codes = {
        (command, name): run(*command.split(), "--", name, cwd=stock.directory).code
        for command in ("snapshot", "rename v1", "state rename initial")
        for name in BAD
    }
    assert {key for key, code in codes.items() if code not in (1, 2)} == set()
    assert stock.git("for-each-ref") == before
