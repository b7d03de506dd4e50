"""Hostile pushes to a real store: its own hooks refuse each with the rule, and nothing of it is left.

The same pushes as in test_facts_hostile.py, which asks the policy alone and measures memory.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest

from gitstore.packs.oid import Oid
from gitstore.store.create import init_store
from gitstore.store.store import Store
from gitstore.text import harmless
from tests.support import crafting, scenes
from tests.support.combinations import sample
from tests.support.commands import fsck
from tests.support.crafting import MIB, SETTINGS, Command, Craft, receive
from tests.support.hostile import ALL, HEAD, MALFORMED, V1, Case
from tests.support.stores import OWNERS, add_model, make_store

PUSHER = {"GITSTORE_USER": "bob"}
"""Somebody with the role write."""

BY_GIT = {"a large pack": "pack exceeds maximum allowed size"}
"""What git refuses in a store before any hook runs, as the store has configured it."""


class Look(NamedTuple):
    """All that a push could have changed in a store."""

    refs: Mapping[str, Oid]
    files: list[str]
    ledger: list[str]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store whose model ada/digits has main and v1."""
    scenes.copy(_build, tmp_path)
    return Store.open(tmp_path / "store")


def _build(root: Path) -> None:
    bare = add_model(make_store(root / "store")).directory
    craft = Craft()
    main = craft.commit(craft.tree({"code": {"model.py": b"pass\n"}, "settings.yaml": SETTINGS}))
    commands = [Command(HEAD, main), Command(V1, craft.snapshot("v1", main))]
    answer = receive(bare, commands, craft.pack(), PUSHER)
    assert answer.is_accepted, answer.text


def look(store: Store) -> Look:
    bare = store.find_model("ada/digits").directory
    with closing(sqlite3.connect(store.ledger_path)) as connection:
        ledger = list(connection.iterdump())
    # Beside its file, sqlite has others as long as it likes.
    files = [name for name in crafting.list_files(store.root) if not name.startswith("ledger.sqlite-")]
    return Look(crafting.list_refs(bare), files, ledger)


def refuse(store: Store, case: Case, *, told: str) -> str:
    """A push that must be refused, and leave nothing. Returns what the pusher is told."""
    if case.limits:
        store.config_path.write_text(f"{OWNERS}limits: {json.dumps(case.limits)}\n")
        init_store(store.root)
    bare, before = store.find_model("ada/digits").directory, look(store)
    text, is_accepted, memory = receive(bare, *case.craft(before.refs), PUSHER)
    assert memory < 64 * MIB
    assert not is_accepted, text
    assert told in text, text
    assert "Traceback" not in text
    assert look(store) == before
    fsck(bare)
    return text


@sample(20)
@pytest.mark.parametrize("name", ALL)
def test_a_hostile_push(name: str, store: Store) -> None:
    text = refuse(store, ALL[name], told=BY_GIT.get(name, ALL[name].told))
    lines = [line for line in text.splitlines() if line.startswith("error: ")]
    assert lines or "fsck" in text or name in BY_GIT
    assert [line for line in lines if harmless(line) != line] == []


@sample(6)
@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_pack(name: str, store: Store) -> None:
    refuse(store, MALFORMED[name], told=MALFORMED[name].told)


@pytest.mark.real_starts
def test_the_memory_of_the_hook(store: Store) -> None:
    """Here the hook is no fork of what is loaded already: all of its memory counts, with that of git."""
    init_store(store.root)
    refuse(store, ALL["3,000 directories"], told="[depth]")
