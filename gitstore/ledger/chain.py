"""The chain of the ledger's rows: each row's hash covers the row and, through the hash before it, all others.

A row is hashed as one line of JSON (RFC 8259): the array of its columns from `number` to `transaction`,
without spaces, in UTF-8, every character as itself where JSON allows it. Its hash is the SHA-256 of the hash
of the row before (32 zero bytes for the first) followed by that line. docs/store.md has a script that checks
it without gitstore.
"""

from __future__ import annotations

import hashlib
import json

from gitstore.ledger.values import LedgerRow

FIRST = bytes(32)
"""What stands before the first row."""


def link(previous: bytes, columns: tuple[object, ...]) -> bytes:
    """Return the hash of a row, from the hash before it and its columns without the hash."""
    line = json.dumps(columns, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(previous + line.encode()).digest()


class ChainCheck:
    """Checks rows one after the other. `broken` is the number of the first that does not continue the chain.

    `head` is the hash of the last row, and `rows` is their count.
    """

    def __init__(self) -> None:
        self.head = FIRST
        self.rows = 0
        self.broken: int | None = None
        self._number = 0

    def add(self, row: LedgerRow) -> None:
        """Check the next row."""
        is_next = row.number == self._number + 1
        if self.broken is None and not (is_next and link(self.head, row[:-1]) == row.hash):
            self.broken = row.number
        self.rows, self._number, self.head = self.rows + 1, row.number, row.hash
