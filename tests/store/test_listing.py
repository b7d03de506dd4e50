"""The models of a store, for whoever may read them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gitstore.errors import InvalidName
from gitstore.policy.role import Role
from gitstore.store.access import ANONYMOUS, OPERATOR, AccessDenied, User
from gitstore.store.listing import describe_model, list_models
from gitstore.store.names import parse_model_name
from gitstore.store.store import Store
from tests.support.stores import add_model, make_store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = make_store(tmp_path / "store")
    for name in ("ada/digits", "ada/shown", "eve/fine"):
        add_model(store, name)
    return store


def list_names(store: Store, user: User, owner: str | None = None) -> list[str]:
    return [stored.model.full_name for stored in list_models(store, owner, user=user)]


def test_everybody_sees_what_they_may_read(store: Store) -> None:
    assert list_names(store, OPERATOR) == ["ada/digits", "ada/shown", "eve/fine"]
    assert list_names(store, User("carol")) == ["ada/digits", "ada/shown"]
    assert list_names(store, User("eve")) == ["ada/shown", "eve/fine"]
    assert list_names(store, ANONYMOUS) == ["ada/shown"]
    assert list_names(store, User("eve"), "ada") == ["ada/shown"]
    assert list_names(store, OPERATOR, "nobody") == []


def test_the_name_of_an_owner_is_checked(store: Store) -> None:
    with pytest.raises(InvalidName, match="cannot be the name of an owner"):
        list_models(store, "../ada", user=OPERATOR)


def test_a_model_in_full(store: Store) -> None:
    described = describe_model(store, parse_model_name("ada/digits"), user=User("carol"))
    assert described.stored.role is Role.READ
    assert described.members == {"ada": Role.ADMIN, "bob": Role.WRITE, "carol": Role.READ}
    with pytest.raises(AccessDenied, match="there is no model ada/digits here that eve may read"):
        describe_model(store, parse_model_name("ada/digits"), user=User("eve"))
