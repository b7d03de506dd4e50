"""Removing admissions: what they held passes to the next holder, or is no longer charged to anybody."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from sqlite3 import Connection
from typing import Any, NamedTuple

from gitstore.ledger.charging import pass_on
from gitstore.ledger.tables import charges, graph
from gitstore.ledger.tables.charges import Charge, Gains


class _Object(NamedTuple):
    """An object that was charged to what goes."""

    oid: bytes
    size: int
    payer: int | None
    bucket: int
    children: Sequence[int]


def remove(connection: Connection, leaving: Sequence[Charge]) -> Gains:
    """Remove admissions of one model. Returns what others inherit, in this model and in those derived."""
    gains = Gains.none()
    if not leaving:
        return gains
    _name_leaving(connection, [charge.admission for charge in leaving])
    objects = _load(connection)
    children = {key: item.children for key, item in objects.items()}
    ranks = pass_on(children, _find_outside(connection))
    _hand_over(connection, objects, ranks=ranks, gains=gains)
    freed = {key: objects[key] for key, rank in ranks.items() if rank is None}
    _delete(connection, freed)
    _hand_down(connection, leaving[0].model, freed.values(), gains=gains)
    charges.remove(connection, leaving)
    charges.apply(connection, gains)
    return gains


def _name_leaving(connection: Connection, admissions: Sequence[int]) -> None:
    """Let queries name the admissions that go: thousands, when a branch is deleted."""
    connection.execute("CREATE TEMP TABLE IF NOT EXISTS leaving (id INTEGER PRIMARY KEY)")
    connection.execute("DELETE FROM leaving")
    connection.executemany("INSERT INTO leaving VALUES (?)", [(admission,) for admission in admissions])


def _load(connection: Connection) -> dict[int, _Object]:
    query = "SELECT id, oid, size, payer, bucket, children FROM ledger_objects WHERE admission IN leaving"
    return _parse(connection.execute(query))


def _parse(rows: Iterable[tuple[Any, ...]]) -> dict[int, _Object]:
    return {
        key: _Object(oid, size, payer, bucket, graph.unpack_ids(children))
        for key, oid, size, payer, bucket, children in rows
    }


def _find_outside(connection: Connection) -> dict[int, int]:
    """Return the lowest rank of the other admissions that hold an object through others than these."""
    ranks = dict(
        connection.execute(
            "SELECT o.id, min(a.rank) FROM ledger_objects AS o"
            " JOIN ledger_admissions AS a ON a.model = o.model AND a.target = o.oid"
            " WHERE o.admission IN leaving"
            " AND a.id NOT IN leaving GROUP BY o.id"
        )
    )
    held = connection.execute(
        "SELECT o.id FROM ledger_objects AS o WHERE o.admission IN leaving"
        " AND EXISTS (SELECT 1 FROM ledger_buckets AS b"
        " CROSS JOIN ledger_edges AS e ON e.bucket = b.id AND e.child = o.id"
        " CROSS JOIN ledger_objects AS p ON p.id = e.parent"
        " WHERE b.id BETWEEN o.first AND o.last AND p.admission NOT IN leaving)"
    ).fetchall()
    for (key,) in held:
        rank = _find_lowest(connection, key)
        ranks[key] = min(rank, ranks.get(key, rank))
    return ranks


def _find_lowest(connection: Connection, key: int) -> int:
    """Return the lowest rank among what refers to an object, except what is charged to what goes."""
    # A part may belong to the trees of 20,000 snapshots. `since` grows with the parent's number, and no rank
    # is lower than it, so that usually two of them are looked at.
    rows = connection.execute(PARENTS, (key,))
    start: int | None = None
    lowest: int | None = None
    for first, bucket, since, rank, is_leaving in rows:
        if start is None:
            start = bucket
            if bucket > first:  # the buckets before have nothing for this object: do not look there again
                connection.execute("UPDATE ledger_objects SET first = ? WHERE id = ?", (bucket, key))
        if lowest is not None and since >= lowest:
            break
        if not is_leaving:
            lowest = rank if lowest is None else min(lowest, rank)
    rows.close()
    return int(lowest or 0)


PARENTS = (
    "SELECT o.first, b.id, p.since, a.rank, p.admission IN leaving FROM ledger_objects AS o"
    " CROSS JOIN ledger_buckets AS b ON b.id BETWEEN o.first AND o.last"
    " CROSS JOIN ledger_edges AS e ON e.bucket = b.id AND e.child = o.id"
    " CROSS JOIN ledger_objects AS p ON p.id = e.parent"
    " CROSS JOIN ledger_admissions AS a ON a.id = p.admission"
    " WHERE o.id = ? ORDER BY b.id, e.parent"
)
"""What refers to an object, the oldest first. It must need no sorting, as the first rows are enough."""


def _delete(connection: Connection, freed: Mapping[int, _Object]) -> None:
    children = {key: item.children for key, item in freed.items()}
    graph.delete(connection, children, buckets={key: item.bucket for key, item in freed.items()})


def _hand_over(
    connection: Connection, objects: Mapping[int, _Object], *, ranks: Mapping[int, int | None], gains: Gains
) -> None:
    """Charge what others of this model still hold to the next of them."""
    heirs: dict[int, int] = {}
    moves = []
    for key, rank in ranks.items():
        if rank is None:
            continue
        if rank not in heirs:
            (heirs[rank],) = connection.execute(
                "SELECT id FROM ledger_admissions WHERE rank = ?", (rank,)
            ).fetchone()
        moves.append((heirs[rank], key))
        if objects[key].payer is None:
            gains.add(heirs[rank], objects[key].size)
    connection.executemany("UPDATE ledger_objects SET admission = ? WHERE id = ?", moves)


def _hand_down(connection: Connection, model: int, freed: Collection[_Object], *, gains: Gains) -> None:
    """Charge what the model paid for, and no longer holds, to the oldest model that links it from there."""
    if not _is_base(connection, model):
        return
    for item in freed:
        if item.payer is None:
            heirs = connection.execute(
                "SELECT id, model, admission FROM ledger_objects WHERE payer = ? AND oid = ? ORDER BY model",
                (model, item.oid),
            ).fetchall()
            _choose_payer(connection, heirs, size=item.size, gains=gains)


def _is_base(connection: Connection, model: int) -> bool:
    row = connection.execute("SELECT 1 FROM ledger_objects WHERE payer = ? LIMIT 1", (model,)).fetchone()
    return row is not None


def _choose_payer(
    connection: Connection, heirs: Sequence[tuple[int, int, int]], *, size: int, gains: Gains
) -> None:
    if heirs:
        (key, payer, admission), *others = heirs
        connection.execute("UPDATE ledger_objects SET payer = NULL WHERE id = ?", (key,))
        connection.executemany(
            "UPDATE ledger_objects SET payer = ? WHERE id = ?", [(payer, other) for other, _, _ in others]
        )
        gains.add(admission, size)


def remove_model(connection: Connection, model: int) -> Gains:
    """Remove all objects and admissions of a model. Returns what models inherit that link some of them."""
    gains = Gains.none()
    linked = connection.execute(
        "SELECT oid, id, model, admission, size FROM ledger_objects WHERE payer = ? ORDER BY oid, model",
        (model,),
    ).fetchall()
    for _, group in groupby(linked, key=itemgetter(0)):
        rows = list(group)
        _choose_payer(connection, [row[1:4] for row in rows], size=rows[0][4], gains=gains)
    query = "SELECT id, oid, size, payer, bucket, children FROM ledger_objects WHERE model = ?"
    _delete(connection, _parse(connection.execute(query, (model,))))
    connection.execute("DELETE FROM ledger_admissions WHERE model = ?", (model,))
    charges.apply(connection, gains)
    return gains
