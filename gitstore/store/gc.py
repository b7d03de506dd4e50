"""Garbage collection of a store: what pushes, removals and crashes left. It is safe beside pushes.

A push holds the repository's lock while it is checked, and from then on it has a reservation in the ledger.
So a collection never runs while a push relies on objects that no ref needs yet.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from gitstore.disk import directories
from gitstore.errors import GitstoreError, Locked
from gitstore.objects.received import own_packs
from gitstore.progress import Progress, weigh
from gitstore.storage import clean_note
from gitstore.storage.gc import collect_garbage
from gitstore.store.quarantines import drop_receiving_marks, sweep_quarantines
from gitstore.store.receive.ended import finish_ended
from gitstore.store.receive.reconcile import reconcile_models
from gitstore.store.store import Store, StoreModel
from gitstore.transfer import bitmap


class PushUnderWay(Locked):
    """A push to the model has been accepted, and its refs have not moved yet."""


class _NothingToDo(Exception):
    """The last collection found nothing to do, and nothing has changed since."""


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
    expect: Progress = lambda _: None,
    progress: Progress = lambda _: None,
) -> StoreGc:
    """Collect garbage in some models, or in all, and finish what killed processes left there.

    A model to which somebody pushes is skipped. `expect` is called once with the bytes of all packs,
    `progress` with those of each model, as far as it is collected.
    """
    leftovers = _sweep(store, dry_run=dry_run)
    if not dry_run:
        with store.ledger() as ledger:
            reconcile_models(ledger, store, now=now)
    chosen = store.models() if models is None else models
    sizes = [model.measure_packs() for model in chosen]
    expect(sum(sizes))
    collected = []
    for model, size in zip(chosen, sizes, strict=True):
        with weigh(progress, size) as steps:
            collected.append(_collect_or_skip(store, model.alone(), dry_run=dry_run, now=now, steps=steps))
    return StoreGc(tuple(collected), leftovers)


def _collect_or_skip(
    store: Store, model: StoreModel, *, dry_run: bool, now: int, steps: tuple[Progress, Progress]
) -> CollectedModel:
    try:
        freed = _collect(store, model, dry_run=dry_run, now=now, steps=steps)
    except Locked as error:
        return CollectedModel(model.full_name, skipped=error.message)
    except GitstoreError as error:
        return CollectedModel(model.full_name, skipped=error.message, failed=True)
    return CollectedModel(model.full_name, freed)


def _collect(
    store: Store, model: StoreModel, *, dry_run: bool, now: int, steps: tuple[Progress, Progress]
) -> int:
    """Collect garbage in a model; return the bytes that were freed."""
    try:
        freed = _collect_once(store, model, dry_run=dry_run, now=now, steps=steps)
        if freed and not dry_run:  # look again now, so that the next gc need not
            with suppress(Locked, _NothingToDo):
                freed += _collect_once(store, model, dry_run=False, now=now)
    except _NothingToDo:
        return 0
    return freed


def _collect_once(
    store: Store,
    model: StoreModel,
    *,
    dry_run: bool,
    now: int,
    steps: tuple[Progress, Progress] = (lambda _: None, lambda _: None),
) -> int:
    repository, swept = model.repository, 0
    files: clean_note.Files = {}

    def prepare() -> None:
        nonlocal swept, files
        with store.ledger() as ledger:
            if finish_ended(model, ledger, now=now):
                raise PushUnderWay(f"somebody pushes to {model.full_name}", "run it again later")
        if clean_note.is_noted(model.directory):
            raise _NothingToDo
        swept = sweep_quarantines(model.directory, dry_run=dry_run)
        if not dry_run:
            drop_receiving_marks(model.directory)
            own_packs(repository.objects.directory)
            if repository.refs.has_loose():  # else a process of git for each model would do nothing
                repository.git("pack-refs", "--all")
            files = clean_note.list_files(model.directory)

    expect, progress = steps
    report = collect_garbage(
        repository, dry_run=dry_run, prune_vanished=True, prepare=prepare, expect=expect, progress=progress
    )
    if dry_run:
        return swept + report.freed + report.foreign  # packs of pushes would be taken over first
    bitmap.prepare(repository)
    if not report.freed + report.foreign and bitmap.is_prepared(repository):
        clean_note.note(model.directory, files)
    return swept + report.freed


def _sweep(store: Store, *, dry_run: bool) -> int:
    """Remove the directories of models that were never finished or not removed whole; return their bytes."""
    size = 0
    for directory in (store.root, *(store.root / owner for owner in store.owners())):
        for path in directories.find_abandoned(directory):
            size += directories.measure_size(path)
            if not dry_run:
                directories.remove_abandoned(path)
    return size
