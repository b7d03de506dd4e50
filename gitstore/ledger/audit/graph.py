"""The ledger's graph of objects: the same twice, in `children` and in `ledger_edges`, and in the repository.

Removals find the next holder of an object by it, so a wrong edge would change a bill only later.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from operator import itemgetter
from sqlite3 import Connection

from gitstore.ledger.audit.inspection import LedgerObject
from gitstore.ledger.tables.graph import can_unpack, pack_ids, unpack_ids
from gitstore.packs.oid import Kind, Oid
from gitstore.text import counted

_Edge = tuple[int, int]
"""The number of an object, and of one that refers to it."""


def compare_with_repository(
    objects: Mapping[Oid, LedgerObject], nodes: Mapping[Oid, tuple[Kind, Sequence[Oid]]]
) -> Iterator[str]:
    """Yield the objects of a model that are of another kind, or refer to others, in the repository.

    `nodes` are the repository's. Objects that only one side has are passed over: nobody, or somebody else,
    is charged for them.
    """
    ids = {oid: item.id for oid, item in objects.items()}
    for oid, (kind, children) in nodes.items():
        item = objects.get(oid)
        if item is None:
            continue
        if item.kind != kind:
            yield f"object {oid} is of kind {kind.value}, and {item.kind} in the ledger"
        expected = sorted({ids[child] for child in children if child in ids}) if children else ()
        if (item.children or b"") != pack_ids(expected):
            yield _explain_children(oid, item, expected, names={number: oid for oid, number in ids.items()})


def _explain_children(
    oid: Oid, item: LedgerObject, expected: Sequence[int], *, names: Mapping[int, Oid]
) -> str:
    if not can_unpack(item.children):
        return f"object {oid} refers to what nobody can read in the ledger"
    recorded = unpack_ids(item.children)
    for number in sorted({*recorded} ^ {*expected}):
        child = names.get(number, f"number {number}")
        if number in expected:
            return f"object {oid} refers to {child}, and not in the ledger"
        return f"object {oid} refers to {child} in the ledger only"
    return f"object {oid} refers to the right objects twice or in the wrong order in the ledger"


def list_wrong_edges(connection: Connection) -> Iterator[str]:
    """Yield what is wrong in the graph of all models, bucket by bucket: only one is in memory at a time."""
    compared, since = 0, 0
    rows = connection.execute(
        "SELECT bucket, id, children, since FROM ledger_objects WHERE children IS NOT NULL"
        " ORDER BY bucket, id"
    )
    for bucket, group in groupby(rows, itemgetter(0)):
        expected: list[_Edge] = []
        for _, number, children, lowest in group:
            if not can_unpack(children):
                yield f"{_name(connection, number)} refers to what nobody can read"
                continue
            expected += [(child, number) for child in unpack_ids(children)]
            if lowest < since:
                yield f"{_name(connection, number)} is held since {lowest}, one before it since {since}"
            since = max(lowest, since)
        edges = connection.execute(
            "SELECT child, parent FROM ledger_edges WHERE bucket = ? ORDER BY child, parent", (bucket,)
        ).fetchall()
        expected.sort()
        if edges != expected:
            yield from _explain_edges(connection, expected, edges)
        compared += len(edges)
    yield from _list_in_no_bucket(connection, compared)
    yield from _list_out_of_reach(connection)
    yield from _count_buckets(connection)


def _explain_edges(
    connection: Connection, expected: Sequence[_Edge], edges: Sequence[_Edge]
) -> Iterator[str]:
    for child, parent in sorted({*expected} - {*edges}):
        yield f"{_name(connection, child)} has no edge to {_name(connection, parent)}, which refers to it"
    for child, parent in sorted({*edges} - {*expected}):
        yield f"{_name(connection, child)} has an edge to {_name(connection, parent)}, which refers elsewhere"
    if len({*expected}) < len(expected):
        yield "objects refer to others twice"  # the comparison with the repository names them


def _list_in_no_bucket(connection: Connection, compared: int) -> Iterator[str]:
    """Yield edges of buckets to which no object belongs."""
    (total,) = connection.execute("SELECT count(*) FROM ledger_edges").fetchone()
    if total != compared:
        rows = connection.execute(
            "SELECT child, parent FROM ledger_edges WHERE bucket NOT IN"
            " (SELECT bucket FROM ledger_objects WHERE children IS NOT NULL)"
        )
        yield from _explain_edges(connection, (), rows.fetchall())


def _list_out_of_reach(connection: Connection) -> Iterator[str]:
    """Yield edges that no removal would find, and those into another model or into nothing."""
    rows = connection.execute(
        "SELECT e.child, e.parent, e.bucket FROM ledger_edges AS e"
        " LEFT JOIN ledger_objects AS c ON c.id = e.child LEFT JOIN ledger_objects AS p ON p.id = e.parent"
        " WHERE (e.bucket BETWEEN c.first AND c.last AND c.model = p.model) IS NOT 1"
    )
    for child, parent, bucket in rows:
        yield (
            f"{_name(connection, child)} has an edge to {_name(connection, parent)} in bucket {bucket}, where"
            " nobody looks for it"
        )


def _count_buckets(connection: Connection) -> Iterator[str]:
    """Yield the buckets that are missing, or have another number of edges."""
    counts = dict(connection.execute("SELECT bucket, count(*) FROM ledger_edges GROUP BY bucket"))
    buckets = dict(connection.execute("SELECT id, edges FROM ledger_buckets"))
    for bucket in sorted({*counts, *buckets, *range(1, max(buckets, default=1) + 1)}):
        if bucket not in buckets:
            yield f"bucket {bucket} of the ledger's edges is missing"
        elif buckets[bucket] != counts.get(bucket, 0):
            edges = counted(counts.get(bucket, 0), "edge")
            yield f"bucket {bucket} has {edges}, and {buckets[bucket]:,} are counted"


def _name(connection: Connection, number: int) -> str:
    """Return an object's model and id, for a message."""
    row = connection.execute(
        "SELECT m.owner || '/' || m.name || ' object ' || lower(hex(o.oid)) FROM ledger_objects AS o"
        " JOIN ledger_models AS m ON m.id = o.model WHERE o.id = ?",
        (number,),
    ).fetchone()
    return f"object number {number}" if row is None else str(row[0])
