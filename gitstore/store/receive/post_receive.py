"""post-receive: the refs have moved, so the ledger records what the push added."""

from __future__ import annotations

from collections.abc import Sequence

from gitstore.disk.processes import ProcessId
from gitstore.ledger.values import QuotaNotice
from gitstore.store.receive.facts import AskedChange
from gitstore.store.store import Store, StoreModel


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
