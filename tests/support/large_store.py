"""A store as years of use leave it: a thousand models with twenty snapshots each, and a ledger of them all.

Objects are written by our own writer, a pack for each push, refs by stock git, and the ledger by the
reconciler, as if each push had come without a hook. Some models are derived from others, as
`gitstore store derive` does it.
"""

from __future__ import annotations

import os
from pathlib import Path

from gitstore.ledger.ledger import Ledger
from gitstore.store.access import OPERATOR
from gitstore.store.create import create_model, init_store
from gitstore.store.derive import derive_model
from gitstore.store.names import ModelName, SnapshotName
from gitstore.store.receive.reconcile import reconcile
from gitstore.store.store import Store, StoreModel
from tests.support import models
from tests.support.large import Growth

OWNERS = 20
PUSHES = 4
"""Pushes to each model; the refs of the last one are loose."""

_SECOND = 1_000_000
_BEGIN = 1_700_000_000 * _SECOND


def make(root: Path, *, models_count: int, snapshots: int, derived: int = 0, files: int = 10) -> Store:
    """A store of so many models, with so many snapshots together; some more are `derived` from them.

    A state has so many `files` of weights, of which two change with each snapshot.
    """
    store = init_store(root).store
    (root / "store.yaml").write_text("owners: {}\n")
    with store.ledger() as ledger:
        ledger.connection.execute("PRAGMA synchronous = OFF")
        names = [
            ModelName(f"owner{number % OWNERS:02}", f"model{number:04}") for number in range(models_count)
        ]
        for number, name in enumerate(names):
            model = create_model(store, name, user=OPERATOR, now=_BEGIN)
            _fill(ledger, model, snapshots // models_count, files=files, seed=number)
    for number in range(derived):
        base = SnapshotName(names[number], "v00001")
        name = ModelName(f"owner{number % OWNERS:02}", f"derived{number:04}")
        derive_model(store, base, name, user=OPERATOR, process=os.getpid(), now=_BEGIN + 9 * _SECOND)
    return store


def _fill(ledger: Ledger, model: StoreModel, snapshots: int, *, files: int, seed: int) -> None:
    settings = models.SETTINGS.format(name=model.name).encode()
    growth = Growth(model.repository, model.name, settings=settings, files=files, seed=seed)
    for push in range(PUSHES):
        first, end = (snapshots * number // PUSHES for number in (push, push + 1))
        taken = growth.snapshots(range(first, end), is_large=False)
        growth.states(taken[:1])
        growth.write_refs()
        reconcile(ledger, model, now=_BEGIN + (push + 1) * _SECOND, pid=os.getpid())
