"""The objects of a model as rows: which the ledger has, what they refer to, adding and removing them."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from sqlite3 import Connection
from typing import Any, NamedTuple

from gitstore.ledger.values import StoredObject
from gitstore.packs.oid import Oid

_AT_ONCE = 500
"""How many ids one query looks up."""


BUCKET = 32_768
"""Edges after which a new bucket begins: a few hundred kilobytes."""


class Payment(NamedTuple):
    """The model that pays for an object which another one links, and the object's frozen bytes."""

    payer: int
    size: int


def find_ids(connection: Connection, model: int, *, oids: Iterable[bytes]) -> dict[bytes, int]:
    """Return the numbers of those objects of a model that the ledger has."""
    rows = _look_up(connection, "oid, id", model=model, oids=oids)
    return dict(rows)


def find_payments(connection: Connection, base: int, *, oids: Iterable[bytes]) -> dict[bytes, Payment]:
    """Return who pays for those objects that a base holds: the base, or whoever pays for it."""
    rows = _look_up(connection, "oid, coalesce(payer, model), size", model=base, oids=oids)
    return {oid: Payment(payer, size) for oid, payer, size in rows}


def _look_up(
    connection: Connection, columns: str, *, model: int, oids: Iterable[bytes]
) -> Iterator[tuple[Any, ...]]:
    iterator = iter(oids)
    while chunk := list(islice(iterator, _AT_ONCE)):
        marks = ",".join("?" * len(chunk))
        yield from connection.execute(
            f"SELECT {columns} FROM ledger_objects WHERE model = ? AND oid IN ({marks})",  # noqa: S608
            (model, *chunk),
        )


class NewObjects(NamedTuple):
    """The objects of one admission that nobody was charged for, each after those that it refers to."""

    admission: int
    since: int
    objects: Mapping[Oid, StoredObject]


def insert(
    connection: Connection,
    model: int,
    new: Sequence[NewObjects],
    *,
    ids: dict[bytes, int],
    payments: Mapping[bytes, Payment],
) -> None:
    """Add objects. `ids` has the numbers of all other objects that they refer to; theirs are added to it."""
    (next_id,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM ledger_objects").fetchone()
    (bucket,) = connection.execute("SELECT max(id) FROM ledger_buckets").fetchone()
    rows: list[tuple[object, ...]] = []
    edges: list[tuple[int, int, int]] = []
    first_new = next_id
    for admission, since, objects in new:
        for oid, (kind, size, references) in objects.items():
            ids[oid] = next_id
            children = sorted({ids[child] for child in references}) if references else ()
            edges += [(bucket, child, next_id) for child in children]
            payer, size = payments.get(oid) or (None, size)
            packed = pack_ids(children) or None
            rows.append(
                (next_id, model, oid, kind, size, admission, payer, since, packed, bucket, bucket, bucket)
            )
            next_id += 1
    connection.executemany("INSERT INTO ledger_objects VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", rows)
    connection.executemany("INSERT INTO ledger_edges VALUES (?,?,?)", sorted(edges))
    older = sorted({child for _, child, _ in edges if child < first_new})
    connection.executemany(
        "UPDATE ledger_objects SET last = ?1 WHERE id = ?2 AND last < ?1",
        [(bucket, child) for child in older],
    )
    _fill_bucket(connection, bucket, len(edges))


def _fill_bucket(connection: Connection, bucket: int, edges: int) -> None:
    """Count new edges, and begin another bucket if the last one is full."""
    connection.execute("UPDATE ledger_buckets SET edges = edges + ? WHERE id = ?", (edges, bucket))
    connection.execute(
        "INSERT INTO ledger_buckets SELECT id + 1, 0 FROM ledger_buckets WHERE id = ? AND edges >= ?",
        (bucket, BUCKET),
    )


def delete(
    connection: Connection, children: Mapping[int, Sequence[int]], *, buckets: Mapping[int, int]
) -> None:
    """Remove objects, which nothing else refers to, with what they refer to."""
    edges = [
        (buckets[parent], child, parent) for parent, references in children.items() for child in references
    ]
    connection.executemany(
        "DELETE FROM ledger_edges WHERE bucket = ? AND child = ? AND parent = ?", sorted(edges)
    )
    connection.executemany("DELETE FROM ledger_objects WHERE id = ?", [(key,) for key in children])
    counts = Counter(bucket for bucket, _, _ in edges)
    connection.executemany(
        "UPDATE ledger_buckets SET edges = edges - ? WHERE id = ?",
        [(count, bucket) for bucket, count in counts.items()],
    )


def pack_ids(ids: Iterable[int]) -> bytes:
    """Return numbers of objects as bytes: 4 each, little-endian."""
    return _little_endian(array("I", ids)).tobytes()


def can_unpack(content: bytes | None) -> bool:
    """Whether a column `children` has whole numbers."""
    return len(content or b"") % array("I").itemsize == 0


def unpack_ids(content: bytes | None) -> Sequence[int]:
    """Return the numbers of objects in a column `children`."""
    if content is None:
        return ()
    ids = array("I")
    ids.frombytes(content)
    return _little_endian(ids)


def _little_endian(ids: array[int]) -> array[int]:
    if sys.byteorder == "big":
        ids.byteswap()
    return ids
