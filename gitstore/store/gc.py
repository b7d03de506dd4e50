"""Garbage collection of a store: what pushes, removals and crashes left. It is safe beside pushes.

A push holds the repository's lock while it is checked, and from then on it has a reservation in the ledger.
So a collection never runs while a push relies on objects that no ref needs yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gitstore.disk import directories
from gitstore.errors import GitstoreError, Locked
from gitstore.objects.received import own_packs
from gitstore.storage.gc import collect_garbage
from gitstore.store.quarantines import drop_receiving_marks, sweep_quarantines
from gitstore.store.receive.ended import finish_ended
from gitstore.store.receive.reconcile import reconcile_models
from gitstore.store.store import Store, StoreModel
from gitstore.transfer import bitmap


class PushUnderWay(Locked):
    """A push to the model has been accepted, and its refs have not moved yet."""


@dataclass(frozen=True)
class CollectedModel:
    """What a collection of one model freed, in bytes; why it was `skipped`, and whether it `failed`."""

    model: str
    freed: int = 0
    skipped: str | None = None
    failed: bool = False


@dataclass(frozen=True)
class StoreGc:
    """What a collection of a store did, or would do. `leftovers` are the bytes of half-made models."""

    models: tuple[CollectedModel, ...]
    leftovers: int

    @property
    def freed(self) -> int:
        """All bytes that were freed."""
        return self.leftovers + sum(model.freed for model in self.models)


def collect_store(
    store: Store,
    models: list[StoreModel] | None = None,
    *,
    dry_run: bool = False,
    now: int,
    progress: Callable[[str], None] = lambda _: None,
) -> StoreGc:
    """Collect garbage in some models, or in all, and finish what killed processes left there.

    A model to which somebody pushes is skipped. `progress` is called with the name of each model.
    """
    leftovers = _sweep(store, dry_run=dry_run)
    if not dry_run:
        with store.ledger() as ledger:
            reconcile_models(ledger, store, now=now)
    collected = []
    for model in store.models() if models is None else models:
        progress(model.full_name)
        try:
            collected.append(
                CollectedModel(model.full_name, _collect(store, model, dry_run=dry_run, now=now))
            )
        except Locked as error:
            collected.append(CollectedModel(model.full_name, skipped=error.message))
        except GitstoreError as error:
            collected.append(CollectedModel(model.full_name, skipped=error.message, failed=True))
    return StoreGc(tuple(collected), leftovers)


def _collect(store: Store, model: StoreModel, *, dry_run: bool, now: int) -> int:
    repository, freed = model.repository, 0

    def prepare() -> None:
        nonlocal freed
        with store.ledger() as ledger:
            if finish_ended(model, ledger, now=now):
                raise PushUnderWay(f"somebody pushes to {model.full_name}", "run it again later")
        freed = sweep_quarantines(model.directory, dry_run=dry_run)
        if not dry_run:
            drop_receiving_marks(model.directory)
            own_packs(repository.objects.directory)
            repository.git("pack-refs", "--all")

    report = collect_garbage(repository, dry_run=dry_run, prune_vanished=True, prepare=prepare)
    if dry_run:
        return freed + report.freed + report.foreign  # packs of pushes would be taken over first
    bitmap.prepare(repository)
    return freed + report.freed


def _sweep(store: Store, *, dry_run: bool) -> int:
    """Remove the directories of models that were never finished or not removed whole; return their bytes."""
    size = 0
    for directory in (store.root, *(store.root / owner for owner in store.owners())):
        for path in directories.find_abandoned(directory):
            size += directories.measure_size(path)
            if not dry_run:
                directories.remove_abandoned(path)
    return size
