"""The admissions of one ref that moved: each still holds if the ref's value contains its own."""

from __future__ import annotations

from bisect import bisect_left
from sqlite3 import Connection

from gitstore.ledger.tables import charges
from gitstore.ledger.tables.charges import Charge


def list_superseded(connection: Connection, model: int, ref: str, *, new: int | None) -> list[Charge]:
    """Return the settled admissions of a ref that its new one (`None`: the ref is gone) does not contain."""
    if new is None:
        return charges.list_settled(connection, model, ref)
    ((newest, target),) = connection.execute(
        "SELECT id, target FROM ledger_admissions WHERE id = ?", (new,)
    ).fetchall()
    last = _find_before(connection, model, ref=ref, newest=newest)
    if last is None or _contains(connection, model, target, part=last):
        return []  # the usual case: a branch went forward, or the ref is new
    earlier = [
        charge for charge in charges.list_settled(connection, model, ref) if charge.admission != newest
    ]
    # Each contains those before it, so those that the new value contains come first.
    kept = bisect_left(
        earlier, True, key=lambda charge: not _contains(connection, model, target, part=charge.target)
    )
    return earlier[kept:]


def _find_before(connection: Connection, model: int, *, ref: str, newest: int) -> bytes | None:
    row = connection.execute(
        "SELECT target FROM ledger_admissions WHERE model = ? AND ref = ? AND id != ?"
        " AND rank < (SELECT rank FROM ledger_admissions WHERE id = ?) ORDER BY rank DESC LIMIT 1",
        (model, ref, newest, newest),
    ).fetchone()
    return None if row is None else row[0]


def _contains(connection: Connection, model: int, whole: bytes, *, part: bytes) -> bool:
    """Whether an object is needed by another one. It looks upward, from the part to what refers to it."""
    row = connection.execute(
        "WITH RECURSIVE above (id) AS ("
        " SELECT id FROM ledger_objects WHERE model = ?1 AND oid = ?2"
        " UNION SELECT e.parent FROM above CROSS JOIN ledger_objects AS o ON o.id = above.id"
        " CROSS JOIN ledger_buckets AS b ON b.id BETWEEN o.first AND o.last"
        " CROSS JOIN ledger_edges AS e ON e.bucket = b.id AND e.child = o.id)"
        " SELECT 1 FROM above WHERE id = (SELECT id FROM ledger_objects WHERE model = ?1 AND oid = ?3)"
        " LIMIT 1",
        (model, part, whole),
    ).fetchone()
    return row is not None
