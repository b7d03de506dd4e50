"""Pushes whose git ended before it was done: what they left is finished, and those that live are found."""

from __future__ import annotations

import os

from gitstore.disk.processes import is_alive
from gitstore.ledger.ledger import Ledger
from gitstore.ledger.values import Pending
from gitstore.outbox.events import ModelCreated
from gitstore.store.receive.reconcile import reconcile
from gitstore.store.store import StoreModel


def finish_ended(model: StoreModel, ledger: Ledger, *, now: int) -> list[Pending]:
    """Bring the ledger up to date with a model, and return the reservations of pushes that live.

    Removes the locks that a killed git left on the refs that it was about to move. Idempotent. Raises
    `Corrupt` if a ref cannot be read.
    """
    created = ModelCreated(time=now, owner=model.owner, model=model.name)
    ledger.create(model.full_name, now=now, event=created)  # somebody copied a repository into the store
    pending = ledger.pending(model.full_name)
    living = [reservation for reservation in pending if is_alive(reservation.process)]
    held = {change.ref for reservation in living for change in reservation.refs}
    for reservation in pending:
        if reservation not in living:
            for change in reservation.refs:
                if change.ref not in held:
                    (model.directory / f"{change.ref}.lock").unlink(missing_ok=True)
            if not living:
                (model.directory / "packed-refs.lock").unlink(missing_ok=True)
    reconcile(ledger, model, now=now, pid=os.getpid())
    return living
