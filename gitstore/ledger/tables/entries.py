"""The rows of the ledger: appending them to the chain, and reading them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from sqlite3 import Connection
from typing import NamedTuple

from gitstore.errors import Corrupt
from gitstore.ledger import chain
from gitstore.ledger.tables.models import LedgerModel
from gitstore.ledger.values import LedgerRow, RowKind

_COLUMNS = "number, time, owner, model, ref, snapshot, kind, objects, bytes, transaction_id, hash"


class NewRow(NamedTuple):
    """What a new row says, before it has its place in the chain."""

    model: LedgerModel
    ref: str
    tag: bytes | None
    kind: RowKind
    objects: int
    bytes: int


def append(
    connection: Connection, entries: Iterable[NewRow], *, transaction: str, now: int
) -> list[LedgerRow]:
    """Append rows. Their time is that of `next_time`."""
    number, last, previous = _find_last(connection)
    time = max(last, now)
    rows: list[LedgerRow] = []
    for entry in entries:
        number += 1
        columns = (
            number, time, entry.model.owner, entry.model.name, entry.ref, entry.tag and entry.tag.hex(),
            str(entry.kind), entry.objects, entry.bytes, transaction,
        )  # fmt: skip
        previous = chain.link(previous, columns)
        rows.append(_parse((*columns, previous)))
    connection.executemany("INSERT INTO ledger_rows VALUES (?,?,?,?,?,?,?,?,?,?,?)", rows)
    return rows


def next_time(connection: Connection, now: int) -> int:
    """Return the time of what happens now: never less than that of the last row, also if the clock went back.

    Whatever is recorded together has this time, events as well.
    """
    return max(_find_last(connection)[1], now)


def _find_last(connection: Connection) -> tuple[int, int, bytes]:
    """Return number, time and hash of the last row."""
    number, time, digest = connection.execute(
        "SELECT number, time, hash FROM ledger_rows ORDER BY number DESC LIMIT 1"
    ).fetchone() or (0, 0, chain.FIRST)
    return number, time, digest


def read(
    connection: Connection, name: str | None = None, *, since: int | None = None, until: int | None = None
) -> Iterator[LedgerRow]:
    """Yield rows in order: of an owner, or of one model; from `since` on, before `until`."""
    owner, _, model = (name or "").partition("/")
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM ledger_rows WHERE (?1 = '' OR owner = ?1) AND (?2 = '' OR model = ?2)"  # noqa: S608 - no text from outside
        " AND (?3 IS NULL OR time >= ?3) AND (?4 IS NULL OR time < ?4) ORDER BY number",
        (owner, model, since, until),
    )
    return map(_parse, rows)


def _parse(columns: tuple[object, ...]) -> LedgerRow:
    row = LedgerRow._make(columns)
    return row._replace(kind=parse_kind(row.kind))


def parse_kind(word: str) -> RowKind:
    """Return the kind of a row or of a reservation. Raises `Corrupt`."""
    try:
        return RowKind(word)
    except ValueError as error:
        raise Corrupt(f"the ledger has a row of no kind, {word}") from error
