"""What living pushes have reserved: changes of refs with the events that will be told of them."""

from __future__ import annotations

from collections.abc import Iterator
from sqlite3 import Connection

from gitstore.errors import Corrupt
from gitstore.ledger.audit.matching import find_type
from gitstore.ledger.tables import pending
from gitstore.ledger.tables.pending import Change, Reserved
from gitstore.ledger.values import RowKind
from gitstore.names import split_record
from gitstore.outbox.events import EvaluationFinished, ModelDerived, ModelEvent, type_of


def list_wrong_reserved(connection: Connection) -> Iterator[str]:
    """Yield reservations that do not go with their rows, and changes of refs with another event."""
    rows = connection.execute("SELECT transaction_id FROM ledger_reservations ORDER BY rowid").fetchall()
    for (transaction,) in rows:
        try:
            reserved = pending.find_reserved(connection, transaction)
            changes = pending.list_changes(connection, transaction)
        except Corrupt as error:
            yield f"the push {transaction}: {error.message}"
            continue
        if reserved is not None:
            yield from _check_reservation(connection, reserved)
            yield from _check_events(reserved, changes)


def _check_reservation(connection: Connection, reserved: Reserved) -> Iterator[str]:
    """A derivation has its event until the first of its refs is settled, and then rows."""
    model, event = reserved.model, reserved.event
    (has_rows,) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM ledger_rows WHERE owner = ? AND model = ? AND transaction_id = ?"
        " AND kind = 'derived')",
        (model.owner, model.name, reserved.transaction),
    ).fetchone()
    is_derived = has_rows or event is not None
    if is_derived != (reserved.kind is RowKind.DERIVED):
        yield f"{model.full_name} is {reserved.kind}, as the push {reserved.transaction} has reserved it"
    if event is not None and not (isinstance(event, ModelDerived) and event.full_name == model.full_name):
        yield f"{model.full_name} is reserved with an event of something else, {type_of(event)}"


def _check_events(reserved: Reserved, changes: list[Change]) -> Iterator[str]:
    for change in changes:
        expected = None
        if reserved.kind is RowKind.ADMITTED:
            expected = find_type(change.ref, is_deleted=change.new is None)
        kinds = [type_of(event) for event in change.events]
        # An alias has an event for each move, all others one at most.
        count = max(len(kinds), 1) if expected == "alias.moved" else int(expected is not None)
        if kinds != [expected] * count or not all(_is_of(event, reserved, change) for event in change.events):
            yield (
                f"{reserved.model.full_name} {change.ref} is reserved with other events than its own,"
                f" {', '.join(kinds) or 'none'}"
            )


def _is_of(event: ModelEvent, reserved: Reserved, change: Change) -> bool:
    if event.full_name != reserved.model.full_name:
        return False
    if isinstance(event, EvaluationFinished):
        return (event.tag, event.record) == split_record(change.ref)
    return getattr(event, "ref", None) == change.ref
