"""Aliases of a model in a store: who may see them, who may move them, and the gates of protected ones.

The same rules hold for a push of an alias; `policy/` and `gates.py` have them for that.
"""

from __future__ import annotations

import os

from gitstore.aliases import move
from gitstore.aliases.gate import check_requirements
from gitstore.aliases.requirements import parse
from gitstore.aliases.write_move import Reason
from gitstore.models.alias import Alias
from gitstore.models.model import Model, check_name
from gitstore.policy.role import Role
from gitstore.store.access import OPERATOR, User, check_model
from gitstore.store.config.schema import AliasConfig
from gitstore.store.names import ModelName, SnapshotName
from gitstore.store.receive.reconcile import reconcile
from gitstore.store.store import Store


def open_model(store: Store, name: ModelName, *, user: User) -> Model:
    """Open a model to read its aliases. Raises `AccessDenied`."""
    check_model(store.config, user, name, needed=Role.READ)
    return Model.identify(store.find_model(name, user).directory)


def set_alias(
    store: Store, name: ModelName, alias: str, *, snapshot: str, user: User, message: str | None, now: int
) -> Alias:
    """Let a snapshot have an alias. The ledger and the events follow.

    Raises `AccessDenied` without the role, `NoSuchSnapshot`, `RequirementNotMet` if the gate does not hold,
    and like `aliases.move.set_alias`.
    """
    model, protection = _open_for(store, name, alias, user=user)
    check_name(snapshot, "snapshot")  # not a reference, which could lead to another directory
    found = store.find_model(name).read_snapshot(SnapshotName(name, snapshot))
    rules = [parse(text) for text in protection.gate] if protection is not None else []
    required, evaluations = check_requirements(model, alias, found, requirements=rules)
    reason = Reason(message, required, evaluations, _make_identity(user, now))
    moved = move.set_alias(model, alias, found, reason=reason)
    _settle(store, name, now=now)
    return moved


def roll_back(
    store: Store, name: ModelName, alias: str, *, user: User, message: str | None, now: int
) -> Alias:
    """Take the last move of an alias back. Raises `AccessDenied`, and like `aliases.move.roll_back`."""
    model, _ = _open_for(store, name, alias, user=user)
    moved = move.roll_back(model, alias, Reason(message, identity=_make_identity(user, now)))
    _settle(store, name, now=now)
    return moved


def remove_alias(store: Store, name: ModelName, alias: str, *, user: User, now: int) -> Alias:
    """Remove an alias with its history, and return what it was. The ledger and the events follow.

    As for a push (the rule `alias-forward`), only an admin may do so, whoever may move the alias. Raises
    `AccessDenied`, and like `aliases.move.remove_alias`.
    """
    check_model(store.config, user, name, needed=Role.ADMIN)
    removed = move.remove_alias(Model.identify(store.find_model(name, user).directory), alias)
    _settle(store, name, now=now)
    return removed


def _open_for(store: Store, name: ModelName, alias: str, *, user: User) -> tuple[Model, AliasConfig | None]:
    """Open a model to move an alias, with what protects that. Raises `AccessDenied` without the role."""
    protected = {entry.name: entry for entry in store.config.list_protected(str(name))}
    protection = protected.get(alias)
    needed = Role[protection.role.upper()] if protection is not None else Role.WRITE
    check_model(store.config, user, name, needed=max(needed, Role.WRITE))
    return Model.identify(store.find_model(name, user).directory), protection


def _make_identity(user: User, now: int) -> str | None:
    """Return who makes a move: the user of the store; for the operator, whom git knows."""
    if user == OPERATOR or not user.name:
        return None
    return f"{user.name} <{user.name}> {now // 1_000_000} +0000"


def _settle(store: Store, name: ModelName, *, now: int) -> None:
    with store.ledger() as ledger:
        reconcile(ledger, store.find_model(name), now=now, pid=os.getpid())
