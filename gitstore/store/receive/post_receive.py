"""post-receive: the refs have moved. The ledger records what the push added; then the model is tidied.

The pusher waits for it. What takes long to import is imported where it is needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from gitstore.disk.processes import ProcessId
from gitstore.errors import GitstoreError
from gitstore.ledger.values import QuotaNotice
from gitstore.store.receive.asked import AskedChange
from gitstore.store.store import Store, StoreModel
from gitstore.transfer import bitmap


def record_push(
    store: Store, model: StoreModel, changes: Sequence[AskedChange], *, process: ProcessId, now: int
) -> tuple[QuotaNotice, ...]:
    """Settle the reservation of a push: `changes` are the refs that moved, `process` is its git receive-pack.

    If this fails or is killed, the next push, gc or audit does it (`reconcile`).
    """
    refs = {change.ref: change.new for change in changes}
    warnings: tuple[QuotaNotice, ...] = ()
    with store.ledger() as ledger:
        for pending in ledger.pending(model.full_name):
            if pending.process == process:
                warnings += ledger.settle(pending.transaction, refs, now=now).warnings
    return warnings


def tidy(model: StoreModel) -> None:
    """Merge the small packs of a model, index all, and pack the refs, if many packs have come since.

    Each push leaves a pack and files of refs, and git looks into all that it finds. `git gc --auto` would
    merge them (git-gc(1), gc.autoPackLimit), but it knows nothing of pushes that are under way. This frees
    nothing, so it is safe beside them. It never fails: the push is over, and the next one tries again.
    """
    if not bitmap.is_outdated(model.directory / "objects"):
        return
    from gitstore.objects.received import own_packs

    with suppress(GitstoreError, OSError):
        repository = model.repository
        repository.git("pack-refs", "--all")
        own_packs(repository.objects.directory)
        repository.objects.refresh()
        repository.maintain()
        bitmap.prepare(repository)
