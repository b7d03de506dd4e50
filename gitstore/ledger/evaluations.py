"""Recorded evaluations: the event of one is appended when the snapshot that it is about is there, too.

Records and snapshots may come in any order, with one push or two. Whichever is settled last finds the other
in the ledger, so there is one event, once. Until then, the admission of the record's ref keeps it, and it
goes with that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from sqlite3 import Connection

import msgspec

from gitstore.ledger.tables import evaluations
from gitstore.ledger.tables.pending import Change
from gitstore.ledger.tables.schema import PENDING
from gitstore.ledger.values import LedgerRow, RowKind
from gitstore.names import spell_tag
from gitstore.outbox import events
from gitstore.outbox.events import EvaluationFinished, ModelEvent
from gitstore.packs.oid import Oid


def list_happened(
    connection: Connection, model: int, moved: Sequence[Change], *, rows: Sequence[LedgerRow]
) -> Iterator[ModelEvent]:
    """Yield the events of changes that have just been settled, with those that have waited for them.

    `rows` are those of the changes.
    """
    numbers = {row.ref: row.number for row in rows if row.kind is RowKind.ADMITTED}
    tags: dict[str, None] = {}
    for change in moved:
        for event in change.events:
            if isinstance(event, EvaluationFinished):
                _keep(connection, model, change, event=event, row=numbers[change.ref])
                tags[event.tag] = None
            else:
                yield event
        if change.new is not None and change.ref.startswith("refs/tags/"):
            tags[change.new.hex()] = None
    for tag in tags:
        snapshot = _find_snapshot(connection, model, tag)
        if snapshot is not None:
            yield from _take(connection, model, tag, snapshot=snapshot)


def _keep(connection: Connection, model: int, change: Change, *, event: EvaluationFinished, row: int) -> None:
    """Keep the event of a record, in place of that of the ref's value before."""
    connection.execute(
        "UPDATE ledger_admissions SET event = NULL, event_row = NULL WHERE model = ? AND ref = ?",
        (model, change.ref),
    )
    connection.execute(
        "UPDATE ledger_admissions SET event = ?, event_row = ? WHERE id = ?",
        (events.encode(event).decode(), row, change.admission),
    )


def _find_snapshot(connection: Connection, model: int, tag: str) -> str | None:
    """Return the ref of a snapshot by its tag, the oldest one; `None` if no ref has it now."""
    row = connection.execute(
        "SELECT a.ref FROM ledger_admissions AS a WHERE a.model = ?1 AND a.target = ?2 AND a.rank < ?3"
        " AND a.ref > 'refs/tags/' AND a.ref < 'refs/tags0'"
        " AND NOT EXISTS (SELECT 1 FROM ledger_admissions AS later"
        " WHERE later.model = ?1 AND later.ref = a.ref AND later.rank > a.rank AND later.rank < ?3)"
        " ORDER BY a.rank LIMIT 1",
        (model, Oid.parse(tag), PENDING),
    ).fetchone()
    return None if row is None else str(row[0])


def _take(connection: Connection, model: int, tag: str, *, snapshot: str) -> Iterator[ModelEvent]:
    """Yield the events that are kept for a snapshot, as it is called now, and keep them no longer.

    An evaluation that was told with its snapshot's former name is not told again.
    """
    # "0" follows "/": these are the refs below the tag's id.
    first, end = f"refs/records/{tag}/", f"refs/records/{tag}0"
    rows = connection.execute(
        "SELECT id, event, event_row, target FROM ledger_admissions WHERE model = ? AND ref > ? AND ref < ?"
        " AND event IS NOT NULL ORDER BY rank",
        (model, first, end),
    ).fetchall()
    for admission, body, row, target in rows:
        connection.execute(
            "UPDATE ledger_admissions SET event = NULL, event_row = NULL WHERE id = ?", (admission,)
        )
        if evaluations.add(connection, model, target, row=row):
            event = events.decode(body)
            yield msgspec.structs.replace(event, snapshot=spell_tag(snapshot), ref=snapshot)
