"""Who may do what in a store, decided from names and store.yaml alone."""

from __future__ import annotations

from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.policy.role import Role
from gitstore.store.config.schema import Members, StoreConfig
from gitstore.store.names import ModelName
from gitstore.text import shown


class User(NamedTuple):
    """Who asks. An empty name is somebody whom nobody knows.

    The operator is at the machine itself and has the files, so there is nothing to refuse.
    """

    name: str
    is_operator: bool = False

    def __str__(self) -> str:
        return "the operator" if self.is_operator else self.name or "anonymous"


ANONYMOUS = User("")
OPERATOR = User("", is_operator=True)


class AccessDenied(GitstoreError):
    """The user's role does not allow it. For a model that the user cannot read, the message does not say
    whether it exists."""

    kind = "access_denied"


def find_role(config: StoreConfig, user: User, model: ModelName) -> Role:
    """Return the highest role that a user has for a model, which need not exist.

    A role for the owner holds for all models of the owner. One for the model can only add to it.
    """
    settings = config.model(*model)
    is_public = config.owner(model.owner).public if settings.public is None else settings.public
    return max(
        find_owner_role(config, user, model.owner),
        _find_member(settings.members, user),
        Role.READ if is_public else Role.NONE,
    )


def find_owner_role(config: StoreConfig, user: User, owner: str) -> Role:
    """Return the role that a user has for all models of an owner.

    This is the role for models that are created. That an owner is public counts for models, not here.
    """
    if user.is_operator or (user.name and user.name in config.admins):
        return Role.ADMIN
    return _find_member(config.owner(owner).members, user)


def _find_member(members: Members, user: User) -> Role:
    word = members.get(user.name) if user.name else None
    return Role[word.upper()] if word is not None else Role.NONE


def check_model(config: StoreConfig, user: User, model: ModelName, *, needed: Role) -> None:
    """Raise `AccessDenied` unless the user's role for a model includes `needed`."""
    role = find_role(config, user, model)
    if role is Role.NONE:
        raise no_such_model(user, model)
    if role < needed:
        raise AccessDenied(
            f"{shown(str(user))} has the role {role.word} for {model}; this needs {needed.word}",
            f"ask somebody with the role admin for {model}",
        )


def check_owner(config: StoreConfig, user: User, owner: str, *, needed: Role) -> None:
    """Raise `AccessDenied` unless the user's role for an owner includes `needed`."""
    role = find_owner_role(config, user, owner)
    if role < needed:
        had = f"the role {role.word}" if role is not Role.NONE else "no role"
        raise AccessDenied(
            f"{shown(str(user))} has {had} for the owner {owner}; this needs {needed.word}",
            f"ask somebody with the role admin for {owner}",
        )


def no_such_model(user: User, model: ModelName) -> AccessDenied:
    """Return the error for a model that does not exist, or that the user may not know of: the same words."""
    if user.is_operator:
        return AccessDenied(
            f"there is no model {model} in this store", "gitstore store list shows the models"
        )
    return AccessDenied(
        f"there is no model {model} here that {shown(str(user))} may read",
        "check its name, or ask for access",
    )
