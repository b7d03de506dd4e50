"""Aliases in a store: whose name a move has, and that ledger and events follow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from gitstore.git.refs import RefChange, RefChanged, Refs
from gitstore.git.repository import Repository
from gitstore.models import alias as aliases
from gitstore.models.alias import NoSuchAlias
from gitstore.models.model import Model
from gitstore.outbox import listing
from gitstore.outbox.events import AliasMoved
from gitstore.store.access import OPERATOR, AccessDenied, User
from gitstore.store.aliases.move import remove_alias, roll_back, set_alias
from gitstore.store.audit import audit, audit_store
from gitstore.store.names import parse_model_name
from gitstore.store.store import Store
from tests.support import stores
from tests.support.commands import Fsck

DIGITS = parse_model_name("ada/digits")


def test_a_move_is_the_user_s_charged_and_told(tmp_path: Path, fsck: Fsck) -> None:
    store = stores.make_store(tmp_path / "store")
    stores.make_pushed(store, tmp_path / "digits", "v1", "v2")
    name, bob = parse_model_name("ada/digits"), User("bob")
    for number, snapshot in enumerate(("v1", "v2")):
        now = stores.NOW + number * 1_000_000
        set_alias(store, name, "staging", snapshot=snapshot, user=bob, message="why", now=now)
    roll_back(store, name, "staging", user=bob, message=None, now=stores.NOW + 2_000_000)
    repository = Model.identify(store.find_model(name).directory).repository
    (alias,) = aliases.list_all_aliases(repository)
    assert (alias.move.author, alias.move.new.snapshot) == ("bob <bob>", "v1")
    assert alias.move.date is not None and alias.move.date.timestamp() == 1_700_000_002
    with store.ledger() as ledger:
        assert ledger.refs("ada/digits")["refs/aliases/staging"] == alias.move.commit
        events = [stored.event for stored in listing.list_events(ledger.connection)]
    moves = [event for event in events if isinstance(event, AliasMoved)]
    assert [(event.old_snapshot, event.snapshot, event.user) for event in moves] == [
        (None, "v1", "bob"), ("v1", "v2", "bob"), ("v2", "v1", "bob"),
    ]  # fmt: skip
    fsck(repository)


def test_an_admin_removes_an_alias_and_its_charge(tmp_path: Path, fsck: Fsck) -> None:
    protected = f"{stores.OWNERS}aliases: [{{name: production, role: write}}]\n"
    store = stores.make_store(tmp_path / "store", protected)
    stores.make_pushed(store, tmp_path / "digits", "v1")
    name, bob, ada = parse_model_name("ada/digits"), User("bob"), User("ada")
    for alias in ("staging", "production"):
        set_alias(store, name, alias, snapshot="v1", user=bob, message=None, now=stores.NOW)
        with pytest.raises(AccessDenied, match="bob has the role write for ada/digits; this needs admin"):
            remove_alias(store, name, alias, user=bob, now=stores.NOW)  # as a push of bob could not either
        removed = remove_alias(store, name, alias, user=ada, now=stores.NOW + 1)
        assert removed.alias.move.new.snapshot == "v1"
        with pytest.raises(NoSuchAlias):
            remove_alias(store, name, alias, user=ada, now=stores.NOW + 2)
    repository = Model.identify(store.find_model(name).directory).repository
    assert aliases.list_all_aliases(repository) == []
    with store.ledger() as ledger:
        assert sorted(ledger.refs("ada/digits")) == ["refs/heads/main", "refs/tags/v1"]
        events = [stored.event for stored in listing.list_events(ledger.connection)]
    moves = [event for event in events if isinstance(event, AliasMoved)]
    assert [(event.alias, event.old_snapshot, event.snapshot, event.user) for event in moves] == [
        ("staging", None, "v1", "bob"), ("staging", "v1", None, "ada"),
        ("production", None, "v1", "bob"), ("production", "v1", None, "ada"),
    ]  # fmt: skip
    fsck(repository)


def read_moves(store: Store) -> list[AliasMoved]:
    with store.ledger() as ledger:
        assert audit(store, ledger).problems == []
        events = [stored.event for stored in listing.list_events(ledger.connection)]
    return [event for event in events if isinstance(event, AliasMoved)]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = stores.make_store(tmp_path / "store")
    stores.make_pushed(store, tmp_path / "digits", "v1")
    return store


def test_what_the_operator_does_has_the_name_that_git_knows(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def set_and_remove() -> None:
        set_alias(store, DIGITS, "best", snapshot="v1", user=OPERATOR, message=None, now=stores.NOW)
        remove_alias(store, DIGITS, "best", user=OPERATOR, now=stores.NOW)

    set_and_remove()
    assert [event.user for event in read_moves(store)] == ["Ada Lovelace <ada@example.org>"] * 2
    set_alias(store, DIGITS, "best", snapshot="v1", user=OPERATOR, message=None, now=stores.NOW)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "")
    remove_alias(store, DIGITS, "best", user=OPERATOR, now=stores.NOW)  # nobody has said who that is
    assert read_moves(store)[-1].user is None


@pytest.mark.parametrize("has_moved", [False, True])
def test_one_that_is_killed_leaves_the_name_of_its_user(
    store: Store, monkeypatch: pytest.MonkeyPatch, has_moved: bool
) -> None:
    """The ledger knows who it was before git moves the ref."""
    set_alias(store, DIGITS, "best", snapshot="v1", user=User("bob"), message=None, now=stores.NOW)
    change = Refs.change

    def change_and_die(self: Refs, changes: Sequence[RefChange], why: str) -> None:
        if has_moved:
            change(self, changes, why)
        os._exit(9)

    if (child := os.fork()) == 0:
        monkeypatch.setattr(Refs, "change", change_and_die)
        remove_alias(store, DIGITS, "best", user=User("ada"), now=stores.NOW)
    os.waitpid(child, 0)
    audit_store(store, now=stores.NOW)
    moves = [(event.snapshot, event.user) for event in read_moves(store)]
    assert moves == [("v1", "bob"), (None, "ada")][: 1 + has_moved]


def test_git_refuses_to_move_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody else was faster; nothing of it stays reserved."""

    def refuse(*_: object) -> None:
        raise RefChanged("refs/aliases/best", "it moved")

    with monkeypatch.context() as patched, pytest.raises(RefChanged):
        patched.setattr(Refs, "change", refuse)
        set_alias(store, DIGITS, "best", snapshot="v1", user=OPERATOR, message=None, now=stores.NOW)
    with store.ledger() as ledger:
        assert ledger.pending() == []
    assert read_moves(store) == []


def test_a_repository_is_opened_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[object] = []
    begin = Repository.__init__

    def count(self: Repository, *arguments: Any, **options: Any) -> None:
        opened.append(arguments)
        begin(self, *arguments, **options)

    monkeypatch.setattr(Repository, "__init__", count)
    for change in (
        lambda: set_alias(store, DIGITS, "best", snapshot="v1", user=OPERATOR, message=None, now=stores.NOW),
        lambda: remove_alias(store, DIGITS, "best", user=OPERATOR, now=stores.NOW),
    ):
        opened.clear()
        change()
        assert len(opened) == 1
