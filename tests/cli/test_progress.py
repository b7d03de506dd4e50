"""Bars at a terminal: what takes long shows one with its total; a program that reads JSON gets none."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.commands import Gitstore
from tests.support.screens import screen
from tests.support.stores import make_pushed, make_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    store = make_store(tmp_path / "store")
    make_pushed(store, tmp_path / "digits", "v1")
    return store.root


@pytest.mark.parametrize("command", ["verify", "gc"])
def test_long_commands_of_a_store(store: Path, command: str, gitstore: Gitstore) -> None:
    arguments = ("store", command)
    printed = screen(*arguments, cwd=store).decode()
    (pack,) = store.glob("ada/digits.git/objects/pack/*.pack")
    total = f"{pack.stat().st_size / 1024:.1f} KiB"
    assert f"{total} / {total}" in printed, printed
    as_json = screen(*arguments, "--json", cwd=store)
    assert json.loads(as_json)
    assert b"\x1b" not in as_json
    assert total not in gitstore(*arguments, cwd=store).stderr
    assert total in screen(*arguments, "--json", "--progress", cwd=store).decode()
