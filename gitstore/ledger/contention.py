"""Two pushes at once that bring the same object: the first to be settled is charged for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sqlite3 import Connection
from typing import NamedTuple

from gitstore.ledger.charging import list_new
from gitstore.ledger.tables import charges, graph
from gitstore.ledger.tables.charges import Gains


class _Object(NamedTuple):
    oid: bytes
    size: int
    payer: int | None
    admission: int
    children: Sequence[int]


def take_from_pending(connection: Connection, model: int, admissions: Sequence[int]) -> None:
    """Charge what settled admissions need, and what others have only reserved, to the settled ones.

    `admissions` have just been settled, the oldest first. Without another push at the same time, nothing is
    read.
    """
    others = {charge.admission for charge in charges.list_pending(connection, model)}
    if not others:
        return
    objects = _load(connection, {*admissions, *others})
    numbers = {item.oid: key for key, item in objects.items()}
    gains = Gains.none()
    moves: list[tuple[int, int]] = []
    taken: set[int] = set()
    for charge in charges.list_charges(connection, admissions):
        target = numbers.get(charge.target)
        for key in () if target is None else _list_held(objects, target, taken=taken):
            taken.add(key)
            if objects[key].admission in others:
                moves.append((charge.admission, key))
                _note(gains, objects[key], heir=charge.admission)
    connection.executemany("UPDATE ledger_objects SET admission = ? WHERE id = ?", moves)
    charges.apply(connection, gains)


def _load(connection: Connection, admissions: set[int]) -> dict[int, _Object]:
    objects = {}
    for admission in admissions:
        rows = connection.execute(
            "SELECT id, oid, size, payer, admission, children FROM ledger_objects WHERE admission = ?",
            (admission,),
        )
        for key, oid, size, payer, charged, children in rows:
            objects[key] = _Object(oid, size, payer, charged, graph.unpack_ids(children))
    return objects


def _list_held(objects: Mapping[int, _Object], target: int, *, taken: set[int]) -> list[int]:
    return list_new(
        target,
        lambda key: objects[key].children,
        is_charged=lambda key: key in taken or key not in objects,
    )


def _note(gains: Gains, item: _Object, *, heir: int) -> None:
    if item.payer is None:
        gains.add(heir, item.size)
        gains.objects[item.admission] -= 1
        gains.bytes[item.admission] -= item.size
