"""Rows of the ledger as changes of bytes, and refs by the names that people use."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gitstore.billing.meter import BilledRef, ByteChange
from gitstore.ledger.values import LedgerRow
from gitstore.names import spell_tag

_KINDS = {
    "refs/tags/": "snapshot",
    "refs/states/": "state",
    "refs/heads/": "branch",
    "refs/aliases/": "alias",
    "refs/records/": "record",
    "refs/notes/": "notes",
}


def read_changes(rows: Iterable[LedgerRow]) -> Iterator[ByteChange]:
    """Yield what each row of the ledger changes, in their order. Rows that change no bytes are left out."""
    for row in rows:
        if row.bytes:
            yield ByteChange(row.time, BilledRef(row.owner, row.model, row.ref, row.snapshot), row.bytes)


def spell_ref(ref: str) -> tuple[str, str]:
    """Return the kind of a ref and its name, as people write it: a `snapshot`, `dogs@v1`."""
    for namespace, kind in _KINDS.items():
        if ref.startswith(namespace):
            return kind, spell_tag(ref) if kind == "snapshot" else ref.removeprefix(namespace)
    return "ref", ref
