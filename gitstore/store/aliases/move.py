"""Aliases of a model in a store: who may see them, who may move them, and the gates of protected ones.

The same rules hold for a push of an alias; `policy/` and `gates.py` have them for that. As with a push, the
ledger knows of a change before git makes it, so that its events say who made it, whatever is killed.
"""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from typing import NamedTuple

from gitstore.aliases import move
from gitstore.aliases.gate import check_requirements
from gitstore.aliases.move import ChangeRef
from gitstore.aliases.requirements import parse
from gitstore.aliases.write_move import Reason
from gitstore.disk.processes import identify
from gitstore.errors import GitstoreError
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.ledger.values import Admission
from gitstore.models import alias as aliases
from gitstore.models.alias import Alias
from gitstore.models.model import Model, check_name
from gitstore.objects.tag import parse_identity
from gitstore.policy.role import Role
from gitstore.store.access import OPERATOR, User, check_model
from gitstore.store.config.schema import AliasConfig
from gitstore.store.names import ModelName, SnapshotName
from gitstore.store.receive.ended import finish_ended
from gitstore.store.receive.ref_events import describe_change
from gitstore.store.receive.stored import collect_stored
from gitstore.store.store import Store, StoreModel


class MovedAlias(NamedTuple):
    """An alias that was moved, what it was before, and the model's repository."""

    repository: Repository
    alias: Alias
    before: Alias | None


class RemovedAlias(NamedTuple):
    """An alias as it was when it was removed, and the model's repository."""

    repository: Repository
    alias: Alias


def open_model(store: Store, name: ModelName, *, user: User) -> Model:
    """Open a model to read its aliases. Raises `AccessDenied`."""
    check_model(store.config, user, name, needed=Role.READ)
    return store.find_model(name, user).identify()


def set_alias(
    store: Store, name: ModelName, alias: str, *, snapshot: str, user: User, message: str | None, now: int
) -> MovedAlias:
    """Let a snapshot have an alias. The ledger and the events follow.

    Raises `AccessDenied` without the role, `NoSuchSnapshot`, `RequirementNotMet` if the gate does not hold,
    and like `aliases.move.set_alias`.
    """
    protection = _check_role(store, name, alias, user=user)
    stored = store.find_model(name, user)
    check_name(snapshot, "snapshot")  # not a reference, which could lead to another directory
    model = stored.identify()
    found = stored.read_snapshot(SnapshotName(name, snapshot))
    rules = [parse(text) for text in protection.gate] if protection is not None else []
    required, evaluations = check_requirements(model, alias, found, requirements=rules)
    reason = Reason(message, required, evaluations, _make_identity(user, now))
    before = aliases.find_alias(model, alias)
    record = _record_with(store, stored, user=user.name or None, now=now)
    moved = move.set_alias(model, alias, found, reason=reason, change_ref=record)
    return MovedAlias(model.repository, moved, before)


def roll_back(
    store: Store, name: ModelName, alias: str, *, user: User, message: str | None, now: int
) -> MovedAlias:
    """Take the last move of an alias back. Raises `AccessDenied`, and like `aliases.move.roll_back`."""
    _check_role(store, name, alias, user=user)
    stored = store.find_model(name, user)
    model = stored.identify()
    before = aliases.find_alias(model, alias)
    reason = Reason(message, identity=_make_identity(user, now))
    record = _record_with(store, stored, user=user.name or None, now=now)
    return MovedAlias(model.repository, move.roll_back(model, alias, reason, change_ref=record), before)


def remove_alias(store: Store, name: ModelName, alias: str, *, user: User, now: int) -> RemovedAlias:
    """Remove an alias with its history. The ledger and the events follow.

    As for a push (the rule `alias-forward`), only an admin may do so, whoever may move the alias. Raises
    `AccessDenied`, and like `aliases.move.remove_alias`.
    """
    check_model(store.config, user, name, needed=Role.ADMIN)
    stored = store.find_model(name, user)
    model = stored.identify()
    # Nothing of the alias stays that would say who removed it.
    author = user.name or (_find_author(model.repository) if user == OPERATOR else None)
    record = _record_with(store, stored, user=author, now=now)
    return RemovedAlias(model.repository, move.remove_alias(model, alias, change_ref=record))


def _check_role(store: Store, name: ModelName, alias: str, *, user: User) -> AliasConfig | None:
    """Return what protects an alias. Raises `AccessDenied` without the role that moves it."""
    protected = {entry.name: entry for entry in store.config.list_protected(str(name))}
    protection = protected.get(alias)
    needed = Role[protection.role.upper()] if protection is not None else Role.WRITE
    check_model(store.config, user, name, needed=max(needed, Role.WRITE))
    return protection


def _make_identity(user: User, now: int) -> str | None:
    """Return who makes a move: the user of the store; for the operator, whom git knows."""
    if user == OPERATOR or not user.name:
        return None
    return f"{user.name} <{user.name}> {now // 1_000_000} +0000"


def _find_author(repository: Repository) -> str | None:
    """Return whom git knows, with the mail, as in the moves that the operator makes."""
    with suppress(GitstoreError):
        return parse_identity(repository.identity())[0]
    return None


def _record_with(store: Store, model: StoreModel, *, user: str | None, now: int) -> ChangeRef:
    """Return what changes the ref of an alias as a push does: reserved in the ledger, moved, settled.

    If it is killed in between, the next push, gc or audit does the rest.
    """

    def change_ref(change: RefChange, why: str) -> None:
        repository, transaction = model.repository, secrets.token_hex(16)
        with store.ledger() as ledger:
            finish_ended(model, ledger, now=now)
            repository.objects.refresh()
            targets = [change.new] if change.new is not None else []
            events = describe_change(
                repository.objects, model.full_name, change.ref, old=change.old, new=change.new, user=user
            )
            with ledger.transaction():  # what is live now is live when it is reserved
                stored = collect_stored(
                    repository.objects, targets, lambda oids: ledger.find_live(model.full_name, oids)
                )
                admission = Admission(
                    ref=change.ref, old=change.old, new=change.new, objects=stored, events=events
                )
                ledger.reserve(
                    model.full_name, [admission],
                    transaction=transaction, process=identify(os.getpid()), now=now,
                )  # fmt: skip
            try:
                repository.refs.change([change], why)
            except GitstoreError:
                ledger.release(transaction, now=now)
                raise
            ledger.settle(transaction, {change.ref: change.new}, now=now)

    return change_ref
