"""The objects of a model as rows: which the ledger has, what they refer to, adding and removing them."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from sqlite3 import Connection
from typing import Any, NamedTuple

from gitstore.ledger.values import StoredObject
from gitstore.packs.oid import Oid

_AT_ONCE = 500
"""How many ids one query looks up."""


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
    rows: list[tuple[object, ...]] = []
    edges: list[tuple[int, int]] = []
    for admission, since, objects in new:
        for oid, (kind, size, references) in objects.items():
            ids[oid] = next_id
            children = sorted({ids[child] for child in references}) if references else ()
            edges += [(child, next_id) for child in children]
            payment = payments.get(oid)
            payer, size = payment or (None, size)
            rows.append(
                (next_id, model, oid, kind, size, admission, payer, since, pack_ids(children) or None)
            )
            next_id += 1
    connection.executemany("INSERT INTO ledger_objects VALUES (?,?,?,?,?,?,?,?,?)", rows)
    connection.executemany("INSERT INTO ledger_edges VALUES (?,?)", edges)


def delete(connection: Connection, children: Mapping[int, Sequence[int]]) -> None:
    """Remove objects, which nothing else refers to, with what they refer to."""
    edges = [(child, parent) for parent, references in children.items() for child in references]
    connection.executemany("DELETE FROM ledger_edges WHERE child = ? AND parent = ?", edges)
    connection.executemany("DELETE FROM ledger_objects WHERE id = ?", [(key,) for key in children])


def pack_ids(ids: Iterable[int]) -> bytes:
    """Return numbers of objects as bytes: 4 each, little-endian."""
    return _little_endian(array("I", ids)).tobytes()


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
