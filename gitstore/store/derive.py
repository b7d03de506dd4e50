"""Deriving a model inside a store: a repository of its own that has what its base needs, and nothing else.

Packs are hard-linked, never borrowed: the base can be removed, rewritten and collected, and whoever may read
the derived model can read no other object of the base's repository.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from gitstore.derive import base_repository, first_commit, first_state
from gitstore.derive.base_repository import OpenedBase
from gitstore.disk.construction import construction
from gitstore.disk.processes import ProcessId, identify
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.ledger.charging import order_refs
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import Admission, Reservation
from gitstore.models import snapshot as snapshots
from gitstore.models.model import FIRST_STATE
from gitstore.models.snapshot import Snapshot
from gitstore.objects.received import own_packs
from gitstore.objects.walk import walk
from gitstore.outbox.events import ModelDerived
from gitstore.packs.oid import Oid
from gitstore.policy.refs import Namespace
from gitstore.policy.role import Role
from gitstore.storage.share_packs import ImportedBytes
from gitstore.store.access import User, check_model, check_owner
from gitstore.store.create import BRANCH, build_repository, check_new
from gitstore.store.names import ModelName, SnapshotName
from gitstore.store.receive.ended import finish_ended
from gitstore.store.receive.needed import read_object
from gitstore.store.receive.pre_receive import find_quotas
from gitstore.store.receive.quarantine import Quarantine
from gitstore.store.receive.reconcile import check_unrecorded
from gitstore.store.store import Store, StoreModel


@dataclass(frozen=True)
class DerivedInStore:
    """A model that was derived: its base, the bytes that were linked and copied, and what it is charged."""

    model: StoreModel
    base: SnapshotName
    imported: ImportedBytes
    charged: int


def derive_model(
    store: Store, base: SnapshotName, name: ModelName, *, user: User, process: int, now: int
) -> DerivedInStore:
    """Derive a model from a snapshot. It appears whole and durable, at one instant.

    `process` is the id of the process that does it, and `now` the time in microseconds since 1970, UTC. The
    time that it takes depends on the number of objects, not on their size. Raises `AccessDenied` unless the
    user may read the base and write for the new model's owner, `NoSuchSnapshot`, `QuotaExceeded`, and
    `GitstoreError` if there is such a model.
    """
    check_model(store.config, user, base.model, needed=Role.READ)
    check_owner(store.config, user, name.owner, needed=Role.WRITE)
    source = store.find_model(base.model, user)
    check_new(store, name)
    request = _Request(base, name, user, identify(process), now)
    with store.ledger() as ledger:
        refs, imported, reservation = _build(store, source, request, ledger=ledger)
        ledger.settle(reservation.transaction, refs, now=now)
    return DerivedInStore(StoreModel(*name, store.path(name)), base, imported, reservation.bytes)


class _Request(NamedTuple):
    base: SnapshotName
    name: ModelName
    user: User
    process: ProcessId
    now: int


class _Built(NamedTuple):
    """A model in its place: its refs, what was imported, and what is reserved for it."""

    refs: dict[str, Oid]
    imported: ImportedBytes
    reservation: Reservation


def _build(store: Store, source: StoreModel, request: _Request, *, ledger: Ledger) -> _Built:
    """Build the new model out of sight, reserve what it adds, and give it its name.

    If that fails, nothing is left. If this process is killed, `reconcile_models` ends the reservation.
    """
    name, now, transaction = request.name, request.now, secrets.token_hex(16)
    with (
        _releasing(ledger, store, name, transaction=transaction, now=now) as built,
        construction(store.path(name)) as hidden,
        source.repository.reading(),
    ):
        built.add(hidden.stat().st_ino)
        build_repository(store, hidden)
        repository = Repository(hidden)
        snapshot = source.read_snapshot(request.base)
        # Packs of pushes can be divided and linked from now on.
        own_packs(source.repository.objects.directory)
        url = _spell_url(store, request.base.model)
        imported = base_repository.import_base(repository, OpenedBase(snapshot, url, is_shared=True))
        refs = _write(repository, snapshot, name, url=url, user=request.user, now=now)
        event = ModelDerived(
            time=now, owner=name.owner, model=name.model, user=request.user.name or None,
            base=str(request.base), base_tag=str(snapshot.tag_oid),
        )  # fmt: skip
        admissions = _list_admissions(repository, refs)
        quotas = find_quotas(store.config, StoreModel(*name, store.path(name)))
        with ledger.transaction():
            check_unrecorded(ledger, store, name, now=now)
            reservation = ledger.derive(
                str(name), admissions, base=str(request.base.model), transaction=transaction,
                process=request.process, now=now, quotas=quotas, event=event,
            )  # fmt: skip
    return _Built(refs, imported, reservation)


@contextmanager
def _releasing(
    ledger: Ledger, store: Store, name: ModelName, *, transaction: str, now: int
) -> Iterator[set[int]]:
    """End the reservation if the block fails before the model has its name.

    The block adds the inode of the model's directory to the set that it gets.
    """
    inodes: set[int] = set()
    try:
        yield inodes
    except BaseException:
        place = store.path(name)
        is_there = place.exists()
        if not is_there or place.stat().st_ino not in inodes:
            ledger.release(transaction, now=now)
            if is_there:  # another model got the name meanwhile
                finish_ended(StoreModel(*name, place), ledger, now=now)
        raise


def _spell_url(store: Store, name: ModelName) -> str:
    """Return what the derived model's settings say of its base's repository.

    Relative to the new one: the store's path on this machine is nothing to others, and each reaches the base
    as they reach the model.
    """
    url = store.config.url
    return f"{url.rstrip('/')}/{name}.git" if url is not None else f"../../{name}.git"


def _write(
    repository: Repository, snapshot: Snapshot, name: ModelName, *, url: str, user: User, now: int
) -> dict[str, Oid]:
    """Write the first commit and the first state of the model, and its refs. Returns the refs."""
    base = snapshots.read(repository, snapshot.ref, snapshot.tag_oid) or snapshot
    who = user.name or "operator"
    identity = f"{who} <{who}@localhost> {now // 1_000_000} +0000"
    with repository.writer() as writer:
        head = first_commit.add_first_commit(base, name.model, writer, identity=identity, url=url)
        state = first_state.add_first_state(
            snapshot.state_tree, writer, repository=repository, model_name=name.model
        )
        writer.finish()
        changes = [
            RefChange(f"refs/heads/{BRANCH}", None, head),
            *base_repository.ref_changes(repository, base),
        ]
        if state is not None:
            changes.append(RefChange(f"refs/states/{FIRST_STATE}", None, state))
        repository.refs.change(changes, f"derive {name}")
    return {change.ref: change.new for change in changes if change.new is not None}


def _list_admissions(repository: Repository, refs: dict[str, Oid]) -> list[Admission]:
    """Return an admission for each ref, with all objects that no ref before it needs."""
    repository.objects.refresh()
    quarantine = Quarantine(repository, None)
    seen: set[Oid] = set()
    admissions = []
    for ref in sorted(refs, key=order_refs):
        oids = list(walk(repository.objects, [refs[ref]], lambda oid: oid not in seen))
        seen.update(oids)
        tag = refs[ref] if Namespace.of(ref) is Namespace.SNAPSHOT else None
        objects = {oid: read_object(quarantine, oid, quarantine.measure_stored(oid)) for oid in oids}
        admissions.append(Admission(ref=ref, new=refs[ref], tag=tag, objects=objects))
    return admissions
