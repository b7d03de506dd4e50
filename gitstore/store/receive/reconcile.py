"""Bringing the ledger up to date with repositories, whatever was killed, and whoever moved refs.

A reservation whose process has ended is settled, as far as its refs have moved, and else released. Refs that
changed without a hook are admitted or deleted. Each change leaves its rows and its event exactly once: the
refs are read inside of the ledger's transaction, and git moves a ref before anybody settles it.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import NamedTuple

from gitstore.disk.processes import identify, is_alive
from gitstore.errors import GitstoreError
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.reservations import shown_ref
from gitstore.ledger.values import Admission, LedgerRow, NotLive, Pending
from gitstore.outbox.events import ModelCreated, ModelDeleted, ModelEvent
from gitstore.packs.oid import Oid
from gitstore.policy.refs import Namespace
from gitstore.store.names import SUFFIX, ModelName
from gitstore.store.receive.ref_events import RecordedOutputs, describe_change
from gitstore.store.receive.stored import collect_stored
from gitstore.store.store import Store, StoreModel

_ATTEMPTS = 10
"""How often the refs are compared anew because they changed meanwhile."""


class Reconciled(NamedTuple):
    """What was brought up to date: reservations of ended processes, and refs that changed without a hook."""

    settled: tuple[str, ...] = ()
    unhooked: tuple[str, ...] = ()
    rows: tuple[LedgerRow, ...] = ()


class _Difference(NamedTuple):
    """A ref that has another value than in the ledger."""

    ref: str
    recorded: Oid | None
    now: Oid | None


def reconcile(ledger: Ledger, model: StoreModel, *, now: int, pid: int) -> Reconciled:
    """Bring the ledger up to date with a model's repository. Each of its steps is atomic and durable.

    `pid` is this process's. What living pushes are about to do is left to them. Raises `Corrupt` if a ref
    or an object that it needs cannot be read; reservations are settled even so.
    """
    created = ModelCreated(time=now, owner=model.owner, model=model.name)
    ledger.create(model.full_name, now=now, event=created)  # somebody copied a repository into the store
    settled, rows = _settle_ended(ledger, model, now=now)
    unhooked: list[str] = []
    for _ in range(_ATTEMPTS):
        differences = _list_differences(ledger, model)
        if not differences:
            break
        try:
            new_rows = _record_differences(ledger, model, differences, now=now, pid=pid)
        except NotLive:
            continue  # somebody deleted a ref meanwhile
        if new_rows is not None:
            rows += new_rows
            unhooked += [difference.ref for difference in differences]
    return Reconciled(tuple(settled), tuple(unhooked), tuple(rows))


def reconcile_models(ledger: Ledger, store: Store, *, now: int) -> list[str]:
    """Record models whose repositories are gone as deleted, and return their names.

    A model that a living process is deriving, and that is not in its place yet, is left to it.
    """
    existing = {model.full_name for model in store.models()}
    gone = set(ledger.models()) - existing
    return [name for name in sorted(gone) if _forget_gone(ledger, store, name, now=now)]


def check_unrecorded(ledger: Ledger, store: Store, name: ModelName, *, now: int) -> None:
    """Make sure that the ledger has no model of a name that is about to be given to a new one.

    What a killed derivation reserved is released, and a model whose repository is gone is recorded as
    deleted. Raises `GitstoreError` if a living process derives a model of this name.
    """
    full_name = str(name)
    if full_name in ledger.models():
        _forget_gone(ledger, store, full_name, now=now)
    if full_name in ledger.models():
        raise GitstoreError(f"another command makes {name} at this moment", "choose another name")


def _forget_gone(ledger: Ledger, store: Store, name: str, *, now: int) -> bool:
    """Record a model as deleted, unless it is there or a living process derives it. Returns whether it was.

    One that was never in its place, because its derivation was killed, leaves no trace.
    """
    reservations = ledger.pending(name)
    if any(is_alive(pending.process) for pending in reservations):
        return False
    for pending in reservations:
        ledger.release(pending.transaction, now=now)
    if name not in ledger.models() or (store.root / f"{name}{SUFFIX}").exists():
        return False
    owner, _, model = name.partition("/")
    event = ModelDeleted(time=now, owner=owner, model=model)
    ledger.delete_model(name, transaction=f"gone-{secrets.token_hex(8)}", now=now, event=event)
    return True


def _settle_ended(ledger: Ledger, model: StoreModel, *, now: int) -> tuple[list[str], list[LedgerRow]]:
    settled: list[str] = []
    rows: list[LedgerRow] = []
    for pending in ledger.pending(model.full_name):
        if not is_alive(pending.process):
            with ledger.transaction():
                refs = read_refs(model)
                values = {change.ref: refs.get(change.ref) for change in pending.refs}
                rows += ledger.settle(pending.transaction, values, now=now).rows
            settled.append(pending.transaction)
    return settled, rows


def _list_differences(ledger: Ledger, model: StoreModel) -> list[_Difference]:
    """Return the refs that differ, except those that a living push is changing."""
    recorded, busy = ledger.refs(model.full_name), _list_busy(ledger.pending(model.full_name))
    refs = read_refs(model)
    return [
        _Difference(ref, recorded.get(ref), refs.get(ref))
        for ref in sorted({*recorded, *refs})
        if ref not in busy and recorded.get(ref) != refs.get(ref)
    ]


def _list_busy(reservations: list[Pending]) -> set[str]:
    return {change.ref for pending in reservations for change in pending.refs}


def _record_differences(
    ledger: Ledger, model: StoreModel, differences: list[_Difference], *, now: int, pid: int
) -> list[LedgerRow] | None:
    """Admit and delete refs; `None` if they have changed since they were compared."""
    objects = model.repository.objects
    objects.refresh()
    name = model.full_name
    targets = [difference.now for difference in differences if difference.now is not None]
    stored = collect_stored(objects, targets, lambda oids: ledger.find_live(name, oids))
    described = _describe(model, differences)
    admissions = [
        Admission(
            ref=difference.ref,
            old=difference.recorded,
            new=difference.now,
            tag=difference.now if Namespace.of(difference.ref) is Namespace.SNAPSHOT else None,
            objects=stored,
            events=described[difference.ref],
        )
        for difference in differences
    ]
    transaction = f"reconcile-{secrets.token_hex(8)}"
    with ledger.transaction():
        if _list_differences(ledger, model) != differences:
            return None
        ledger.reserve(name, admissions, transaction=transaction, process=identify(pid), now=now)
        values = {difference.ref: difference.now for difference in differences}
        return list(ledger.settle(transaction, values, now=now).rows)


def _describe(model: StoreModel, differences: list[_Difference]) -> Mapping[str, tuple[ModelEvent, ...]]:
    objects = model.repository.objects
    outputs = RecordedOutputs(objects, model.repository.refs.get)
    return {
        difference.ref: describe_change(
            objects, model.full_name, difference.ref,
            old=difference.recorded, new=difference.now, outputs=outputs,
        )
        for difference in differences
    }  # fmt: skip


def read_refs(model: StoreModel) -> dict[str, Oid]:
    """Return all refs of the repository by name, as the ledger spells them. Raises `Corrupt`."""
    return {shown_ref(ref): oid for ref, oid in model.repository.refs.all()}
