"""Removing models and snapshots from a store: what that frees, who needs them, and the removal itself.

The charge ends at once. The next `gc` gives the bytes back to the disk.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gitstore.disk import directories
from gitstore.disk.atomic import sync_directory
from gitstore.disk.hidden_names import new_prefix
from gitstore.errors import GitstoreError
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import LedgerRow, RowKind
from gitstore.models import alias as alias_model
from gitstore.models.dependents import find_dependents
from gitstore.models.snapshot import Snapshot
from gitstore.names import spell_tag
from gitstore.outbox.events import ModelDeleted, ModelEvent, SnapshotDeleted
from gitstore.packs.oid import Oid
from gitstore.policy.role import Role
from gitstore.records import forget
from gitstore.store.access import User, check_model
from gitstore.store.billing import PricedRemoval, price_removal
from gitstore.store.gc import PushUnderWay
from gitstore.store.names import ModelName, SnapshotName
from gitstore.store.receive.ended import finish_ended
from gitstore.store.store import Store, StoreModel


@dataclass(frozen=True)
class StoreRemoval:
    """What was removed, or would be: a model, or snapshots of one. `freed` are bytes that nobody is charged
    any more.

    `saved` is what they cost a month, in micro-units of `currency`; `None` without a price.
    `inherited` are bytes that others are charged from then on: by the names of their models. `based` are
    models in the same repository that are based on the snapshots. `aliases` lead to them.
    """

    names: tuple[str, ...]
    refs: tuple[str, ...]
    freed: int
    inherited: dict[str, int]
    saved: int | None
    currency: str
    based: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()


class StillNeeded(GitstoreError):
    """A snapshot has an alias, or models are based on it."""


class _RolledBack(Exception):
    """The end of a transaction that only finds out what would happen."""


def remove_model(
    store: Store, name: ModelName, *, user: User, now: int, dry_run: bool = False
) -> StoreRemoval:
    """Remove a model with all its snapshots. Its name is free at one instant; models derived from it stay.

    Raises `AccessDenied` unless the user is an admin of the model, and `PushUnderWay`.
    """
    check_model(store.config, user, name, needed=Role.ADMIN)
    model = store.find_model(name, user)
    with _alone(store, model, now=now) as ledger:
        refs = dict(ledger.refs(model.full_name))
        event = ModelDeleted(time=now, owner=name.owner, model=name.model, user=user.name or None)
        rows: Sequence[LedgerRow] = ()
        hidden = model.directory.with_name(f"{new_prefix(model.directory.name)}{secrets.token_hex(4)}")
        try:
            with ledger.transaction():
                settled = ledger.delete_model(
                    model.full_name, transaction=secrets.token_hex(16), now=now, event=event
                )
                rows = settled.rows
                if dry_run:
                    raise _RolledBack
                # Hidden directories that no process holds are removed by gc, if this process is killed.
                model.directory.rename(hidden)
                sync_directory(hidden.parent)
        except _RolledBack:
            pass
    if not dry_run:
        directories.remove_tree(hidden)
    return _report([str(name)], tuple(sorted(refs)), price_removal(store, rows, now=now))


def remove_snapshots(
    store: Store,
    names: Sequence[SnapshotName],
    *,
    user: User,
    now: int,
    dry_run: bool = False,
    force: bool = False,
) -> StoreRemoval:
    """Remove snapshots of one model, and the records about them: all or none.

    Raises `AccessDenied` unless the user is an admin of the model, `NoSuchSnapshot`, `PushUnderWay`, and
    `StillNeeded` if an alias leads to one or a model in the same repository is based on it, unless `force`.
    Raises `GitstoreError` for snapshots of several models.
    """
    model_name = _find_only_model(names)
    check_model(store.config, user, model_name, needed=Role.ADMIN)
    model = store.find_model(model_name, user)
    with _alone(store, model, now=now) as ledger:
        repository = model.repository
        snapshots = {name: model.read_snapshot(name) for name in names}
        tags = {snapshot.tag_oid for snapshot in snapshots.values()}
        based = find_dependents(repository, {snapshot.commit for snapshot in snapshots.values()}).models
        led = alias_model.list_names_by_tag(repository)
        aliases = tuple(alias for snapshot in snapshots.values() for alias in led.get(snapshot.tag_oid, ()))
        if (based or aliases) and not force and not dry_run:
            raise _still_needed(repository, snapshots)
        changes = [RefChange(name.ref, snapshot.tag_oid, None) for name, snapshot in snapshots.items()]
        changes += forget.plan_removal(repository, tags)
        if not dry_run:
            repository.refs.change(changes, f"remove {', '.join(map(str, snapshots))}")
            forget.drop_notes(repository, tags)
        refs = {change.ref: change.old for change in changes}
        events = {name.ref: _describe(snapshot, model, user) for name, snapshot in snapshots.items()}
        rows = _delete_in_ledger(ledger, model, refs, events=events, now=now, dry_run=dry_run)
    priced = price_removal(store, rows, now=now)
    return _report([*map(str, snapshots)], tuple(refs), priced, based=based, aliases=aliases)


def _find_only_model(names: Sequence[SnapshotName]) -> ModelName:
    """Return the model of snapshots. Raises `GitstoreError` if they are of several."""
    model, *others = dict.fromkeys(name.model for name in names)
    if others:
        raise GitstoreError(
            f"the snapshots are of several models: {model}, {others[0]}",
            "remove those of one after the other",
        )
    return model


def _describe(snapshot: Snapshot, model: StoreModel, user: User) -> SnapshotDeleted:
    """Return the event of a snapshot that is removed. The ledger gives it its time and its bytes."""
    return SnapshotDeleted(
        time=0, owner=model.owner, model=model.name, user=user.name or None,
        snapshot=spell_tag(snapshot.ref), ref=snapshot.ref, tag=str(snapshot.tag_oid),
    )  # fmt: skip


@contextmanager
def _alone(store: Store, model: StoreModel, *, now: int) -> Iterator[Ledger]:
    """Hold the model's repository alone, with no push under way. Yields the ledger."""
    with model.repository.collecting(), store.ledger() as ledger:
        if finish_ended(model, ledger, now=now):
            raise PushUnderWay(f"somebody pushes to {model.full_name}", "run it again later")
        yield ledger


def _delete_in_ledger(
    ledger: Ledger,
    model: StoreModel,
    refs: dict[str, Oid | None],
    *,
    events: Mapping[str, ModelEvent],
    now: int,
    dry_run: bool,
) -> Sequence[LedgerRow]:
    rows: Sequence[LedgerRow] = ()
    try:
        with ledger.transaction():
            settled = ledger.delete(
                model.full_name, refs, transaction=secrets.token_hex(16), now=now, events=events
            )
            rows = settled.rows
            if dry_run:
                raise _RolledBack
    except _RolledBack:
        pass
    return rows


def _still_needed(repository: Repository, snapshots: Mapping[SnapshotName, Snapshot]) -> StillNeeded:
    """Return the error for the first snapshot that has an alias, or that models are based on."""
    aliases = alias_model.list_names_by_tag(repository)

    def explain(snapshot: Snapshot) -> list[str]:
        reasons = [f"the alias {alias} leads to it" for alias in aliases.get(snapshot.tag_oid, ())]
        based = find_dependents(repository, {snapshot.commit}).models
        return reasons + [f"{model} is based on it" for model in based]

    explained = ((name, explain(snapshot)) for name, snapshot in snapshots.items())
    name, reasons = next(item for item in explained if item[1])
    return StillNeeded(f"{name} is still needed: {', '.join(reasons)}", "--force removes it anyway")


def _report(
    names: Sequence[str],
    refs: tuple[str, ...],
    priced: PricedRemoval,
    *,
    based: tuple[str, ...] = (),
    aliases: tuple[str, ...] = (),
) -> StoreRemoval:
    inherited: dict[str, int] = {}
    for row in priced.rows:
        if row.kind is RowKind.INHERITED:
            other = f"{row.owner}/{row.model}"
            inherited[other] = inherited.get(other, 0) + row.bytes
    return StoreRemoval(
        tuple(names), refs, priced.forecast.bytes, inherited, priced.saved, priced.currency,
        based, aliases,
    )  # fmt: skip
