"""The chain of the ledger's rows: each row's hash covers the row and, through the hash before it, all others.

A row is hashed as one line of JSON (RFC 8259): the array of its columns from `number` to `transaction`,
without spaces, in UTF-8, every character as itself where JSON allows it. Its hash is the SHA-256 of the hash
of the row before (32 zero bytes for the first) followed by that line. docs/store.md has a script that checks
it without gitstore.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from gitstore.ledger.values import LedgerRow

FIRST = bytes(32)
"""What stands before the first row."""


def link(previous: bytes, columns: tuple[object, ...]) -> bytes:
    """Return the hash of a row, from the hash before it and its columns without the hash."""
    line = json.dumps(columns, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(previous + line.encode()).digest()


def find_break(rows: Iterable[LedgerRow], *, previous: bytes = FIRST) -> int | None:
    """Return the number of the first row that does not continue the chain; `None` if all do.

    `previous` is the hash before the first of the rows, which are in order.
    """
    number: int | None = None
    for row in rows:
        is_next = number is None or row.number == number + 1
        if not is_next or link(previous, row[:-1]) != row.hash:
            return row.number
        number, previous = row.number, row.hash
    return None
