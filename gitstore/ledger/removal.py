"""Removing admissions: what they held passes to the next holder, or is no longer charged to anybody."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from sqlite3 import Connection
from typing import NamedTuple

from gitstore.ledger.charging import pass_on
from gitstore.ledger.tables import charges, graph
from gitstore.ledger.tables.charges import Charge, Gains


class _Object(NamedTuple):
    """An object that was charged to what goes."""

    oid: bytes
    size: int
    payer: int | None
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
    graph.delete(connection, {key: item.children for key, item in freed.items()})
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
    rows = connection.execute(
        "SELECT id, oid, size, payer, children FROM ledger_objects WHERE admission IN leaving"
    )
    return {
        key: _Object(oid, size, payer, graph.unpack_ids(children)) for key, oid, size, payer, children in rows
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
        " AND EXISTS (SELECT 1 FROM ledger_edges AS e JOIN ledger_objects AS p ON p.id = e.parent"
        " WHERE e.child = o.id AND p.admission NOT IN leaving)"
    ).fetchall()
    for (key,) in held:
        rank = _find_lowest(connection, key)
        ranks[key] = min(rank, ranks.get(key, rank))
    return ranks


def _find_lowest(connection: Connection, key: int) -> int:
    """Return the lowest rank among what refers to an object, except what is charged to these admissions."""
    # A part may belong to the trees of 20,000 snapshots. `since` grows with the parent's number, and no rank
    # is lower than it, so that usually two of them are looked at.
    rows = connection.execute(
        "SELECT p.since, a.rank FROM ledger_edges AS e JOIN ledger_objects AS p ON p.id = e.parent"
        " JOIN ledger_admissions AS a ON a.id = p.admission"
        " WHERE e.child = ? AND p.admission NOT IN leaving ORDER BY e.parent",
        (key,),
    )
    _, lowest = next(rows)
    for since, rank in rows:
        if since >= lowest:
            break
        lowest = min(lowest, rank)
    rows.close()
    return int(lowest)


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
    connection.execute(
        "DELETE FROM ledger_edges WHERE child IN (SELECT id FROM ledger_objects WHERE model = ?)", (model,)
    )
    connection.execute("DELETE FROM ledger_objects WHERE model = ?", (model,))
    connection.execute("DELETE FROM ledger_admissions WHERE model = ?", (model,))
    charges.apply(connection, gains)
    return gains
