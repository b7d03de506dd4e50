"""Aliases in a store: whose name a move has, and that ledger and events follow."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.models import alias as aliases
from gitstore.models.alias import NoSuchAlias
from gitstore.models.model import Model
from gitstore.outbox import listing
from gitstore.outbox.events import AliasMoved
from gitstore.store.access import AccessDenied, User
from gitstore.store.aliases.move import remove_alias, roll_back, set_alias
from gitstore.store.names import parse_model_name
from tests.support import stores
from tests.support.commands import Fsck


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
    assert [(event.old_snapshot, event.snapshot) for event in moves] == [
        (None, "v1"), ("v1", "v2"), ("v2", "v1"),
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
        assert removed.move.new.snapshot == "v1"
        with pytest.raises(NoSuchAlias):
            remove_alias(store, name, alias, user=ada, now=stores.NOW + 2)
    repository = Model.identify(store.find_model(name).directory).repository
    assert aliases.list_all_aliases(repository) == []
    with store.ledger() as ledger:
        assert sorted(ledger.refs("ada/digits")) == ["refs/heads/main", "refs/tags/v1"]
        events = [stored.event for stored in listing.list_events(ledger.connection)]
    moves = [event for event in events if isinstance(event, AliasMoved)]
    assert [(event.alias, event.old_snapshot, event.snapshot) for event in moves] == [
        ("staging", None, "v1"), ("staging", "v1", None),
        ("production", None, "v1"), ("production", "v1", None),
    ]  # fmt: skip
    fsck(repository)
