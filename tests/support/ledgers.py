"""A store whose ledger has a history: bare repositories without objects, and admissions with a time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path

from gitstore.billing.periods import parse_time
from gitstore.disk.processes import ProcessId
from gitstore.ledger.chain import ChainCheck
from gitstore.ledger.values import Admission, LedgerRow, StoredObject
from gitstore.packs.oid import Kind, Oid
from gitstore.store.store import Store
from tests.support.commands import git

CONFIG = """\
owners:
  acme: {members: {ada: write}}
  zoo: {members: {bob: read}}
prices:
  - {from: 2026-01-01, storage: 0.02/GiB-month}
"""

_PROCESS = ProcessId(1, 1, "boot")
_numbers = count(1)


def microseconds(text: str) -> int:
    """A time, as the ledger has it."""
    return parse_time(text) * 1_000_000


def make_store(root: Path, *models: str) -> Store:
    """A store with empty models."""
    root.mkdir()
    (root / "store.yaml").write_text(CONFIG)
    store = Store.open(root)
    with store.ledger() as ledger:
        for model in models:
            directory = root / f"{model}.git"
            git("init", "--quiet", "--bare", str(directory), cwd=root)
            ledger.create(model, now=0)
    return store


def admit(store: Store, model: str, ref: str, contents: Mapping[str, int], *, at: str) -> Oid:
    """Admit a ref that needs blobs of these names and sizes, of which the ledger may have some."""
    objects = {_oid(name): StoredObject(Kind.BLOB, size) for name, size in contents.items()}
    with store.ledger() as ledger:
        top = _oid(f"{model} {ref} {next(_numbers)}")
        live = ledger.find_live(model, objects)
        new = {oid: entry for oid, entry in objects.items() if oid not in live}
        new[top] = StoredObject(Kind.TAG, 0, tuple(objects))
        tag = top if ref.startswith("refs/tags/") else None
        transaction, now = f"push-{next(_numbers)}", microseconds(at)
        admission = Admission(ref=ref, new=top, tag=tag, objects=new)
        ledger.reserve(model, [admission], transaction=transaction, process=_PROCESS, now=now)
        ledger.settle(transaction, {ref: top}, now=now)
    return top


def remove(store: Store, model: str, ref: str, *, at: str) -> None:
    """Delete a ref."""
    with store.ledger() as ledger:
        ledger.delete(model, {ref: None}, transaction=f"rm-{next(_numbers)}", now=microseconds(at))


def find_break(rows: Iterable[LedgerRow]) -> int | None:
    """The number of the first row that does not continue the chain."""
    check = ChainCheck()
    for row in rows:
        check.add(row)
    return check.broken


def _oid(name: str) -> Oid:
    return Oid(hashlib.sha1(name.encode()).digest())
