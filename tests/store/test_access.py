"""Roles, decided from store.yaml alone."""

from __future__ import annotations

import pytest

from gitstore.policy.role import Role
from gitstore.store.access import (
    ANONYMOUS,
    OPERATOR,
    AccessDenied,
    User,
    check_model,
    check_owner,
    find_owner_role,
    find_role,
)
from gitstore.store.config.load import parse
from gitstore.store.names import ModelName

CONFIG = parse(b"""
admins: [root]
owners:
  ada:
    members: {ada: admin, bob: read, carol: write}
    models:
      secret: {members: {bob: admin, dan: read}}
      shown: {public: true, members: {carol: read}}
  open:
    public: true
    members: {ada: write}
    models:
      hidden: {public: false}
""")


@pytest.mark.parametrize(
    ("user", "model", "role"),
    [
        ("ada", "ada/secret", Role.ADMIN),
        ("bob", "ada/secret", Role.ADMIN),
        ("bob", "ada/other", Role.READ),
        ("carol", "ada/shown", Role.WRITE),  # a role for a model never takes away that for the owner
        ("dan", "ada/secret", Role.READ),
        ("dan", "ada/other", Role.NONE),
        ("dan", "ada/shown", Role.READ),
        ("", "ada/shown", Role.READ),
        ("", "ada/secret", Role.NONE),
        ("", "open/any", Role.READ),
        ("", "open/hidden", Role.NONE),
        ("ada", "open/hidden", Role.WRITE),
        ("root", "ada/secret", Role.ADMIN),
        ("root", "nobody/none", Role.ADMIN),
        ("ADA", "ada/secret", Role.NONE),
    ],
)
def test_the_role_for_a_model(user: str, model: str, role: Role) -> None:
    owner, name = model.split("/")
    assert find_role(CONFIG, User(user), ModelName(owner, name)) is role


def test_the_operator_may_do_everything() -> None:
    assert find_role(CONFIG, OPERATOR, ModelName("ada", "secret")) is Role.ADMIN
    assert find_owner_role(CONFIG, OPERATOR, "nobody") is Role.ADMIN


def test_nobody_is_not_somebody_with_an_empty_name() -> None:
    """Neither among the admins nor among the members."""
    assert find_owner_role(CONFIG, ANONYMOUS, "open") is Role.NONE
    assert find_role(CONFIG, ANONYMOUS, ModelName("ada", "other")) is Role.NONE


def test_that_an_owner_is_public_lets_nobody_create() -> None:
    with pytest.raises(AccessDenied, match="bob has no role for the owner open; this needs write"):
        check_owner(CONFIG, User("bob"), "open", needed=Role.WRITE)


def test_a_model_that_may_not_be_read_is_not_there() -> None:
    """The words do not depend on whether it exists, which this module does not even know."""
    with pytest.raises(AccessDenied, match="there is no model ada/secret here that eve may read"):
        check_model(CONFIG, User("eve"), ModelName("ada", "secret"), needed=Role.WRITE)


def test_a_role_that_is_too_low_is_named() -> None:
    with pytest.raises(AccessDenied, match="dan has the role read for ada/secret; this needs write"):
        check_model(CONFIG, User("dan"), ModelName("ada", "secret"), needed=Role.WRITE)
