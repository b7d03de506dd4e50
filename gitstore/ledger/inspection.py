"""Reading all that the ledger says of a model, for an audit, and comparing its own sums with each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from sqlite3 import Connection
from typing import NamedTuple

from gitstore.ledger.tables import charges, holdings, models, pending
from gitstore.ledger.tables.charges import Charge, Gains
from gitstore.ledger.values import LedgerRow, Pending, RowKind
from gitstore.packs.oid import Oid
from gitstore.text import counted


class InspectedModel(NamedTuple):
    """All that the ledger says of a model, without what is only reserved.

    `charged` has the admission that is charged for each object, `sizes` the objects' frozen bytes, those that
    a base pays for included. `bytes` is what the model itself pays.
    """

    refs: Mapping[str, Oid]
    admissions: Mapping[int, Charge]
    charged: Mapping[Oid, int]
    sizes: Mapping[Oid, int]
    bytes: int
    pending: tuple[Pending, ...]
    problems: tuple[str, ...]

    @property
    def holders(self) -> Iterator[tuple[int, Oid]]:
        """The admissions with their values, the oldest first."""
        for number, charge in self.admissions.items():
            yield number, Oid(charge.target)

    @property
    def busy(self) -> set[str]:
        """The refs that living pushes are changing."""
        return {change.ref for reserved in self.pending for change in reserved.refs}

    def ref_of(self, admission: int | None) -> str:
        """Return the ref of an admission, for a message."""
        return "nobody" if admission is None else self.admissions[admission].ref


def inspect(connection: Connection, full_name: str) -> InspectedModel | None:
    """Return what the ledger says of a model; `None` if it does not know it."""
    model = models.find_model(connection, full_name)
    if model is None:
        return None
    settled = {charge.admission: charge for charge in charges.list_all_settled(connection, model.id)}
    charged: dict[Oid, int] = {}
    sizes: dict[Oid, int] = {}
    paid = Gains.none()
    rows = connection.execute(
        "SELECT oid, size, admission, payer FROM ledger_objects WHERE model = ?", (model.id,)
    )
    for name, size, admission, payer in rows:
        if admission in settled:
            oid = Oid(name)
            charged[oid], sizes[oid] = admission, size
        if payer is None:
            paid.add(admission, size)
    return InspectedModel(
        holdings.list_refs(connection, model.id),
        settled,
        charged,
        sizes,
        sum(paid.bytes[admission] for admission in settled),
        tuple(pending.list_pending(connection, full_name)),
        tuple(_compare_sums(connection, model.id, settled=settled, paid=paid)),
    )


def _compare_sums(
    connection: Connection, model: int, *, settled: Mapping[int, Charge], paid: Gains
) -> Iterator[str]:
    """Yield where the sums of admissions and of the model are not those of its objects."""
    reserved = charges.list_pending(connection, model)
    for charge in (*settled.values(), *reserved):
        objects, size = paid.objects[charge.admission], paid.bytes[charge.admission]
        if charge.bytes != size:
            yield f"{charge.ref} has {counted(charge.bytes, 'byte')}, and its objects have {size:,}"
        if charge.objects != objects:
            yield f"{charge.ref} has {counted(charge.objects, 'object')}, and is charged {objects:,}"
        if charge.tag is not None and charge.tag != charge.target:
            yield f"{charge.ref} is the snapshot {charge.target.hex()}, and {charge.tag.hex()} on the bill"
    expected = (
        sum(paid.bytes[admission] for admission in settled),
        sum(paid.objects[admission] for admission in settled),
        sum(paid.bytes[charge.admission] for charge in reserved),
    )
    stored = connection.execute(
        "SELECT bytes, objects, reserved FROM ledger_models WHERE id = ?", (model,)
    ).fetchone()
    for word, total, summed in zip(("byte", "object", "reserved byte"), stored, expected, strict=True):
        if total != summed:
            yield f"has {counted(total, word)}, and its objects have {summed:,}"


class RowSums:
    """Adds up each ref's rows, and compares them with what is charged to it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sums: dict[tuple[str, str], tuple[int, int]] = {}
        self._tags: dict[tuple[str, str], str | None] = {}

    def add(self, row: LedgerRow) -> None:
        """Count the next row."""
        key = (f"{row.owner}/{row.model}", row.ref)
        objects, size = self._sums.get(key, (0, 0))
        self._sums[key] = objects + row.objects, size + row.bytes
        if row.kind is not RowKind.DELETED:
            self._tags[key] = row.snapshot

    def list_problems(self) -> Iterator[str]:
        """Yield the refs whose rows do not add up to what is charged to them, or name another snapshot."""
        sums = self._sums.copy()
        for holding in holdings.list_holdings(self._connection):
            key, name = (holding.model, holding.ref), f"{holding.model} {holding.ref}"
            objects, size = sums.pop(key, (0, 0))
            if size != holding.bytes:
                yield f"{name} has {counted(holding.bytes, 'byte')}, and its rows have {size:,}"
            if objects != holding.objects:
                yield f"{name} has {counted(holding.objects, 'object')}, and its rows have {objects:,}"
            tag = None if holding.tag is None else str(holding.tag)
            if self._tags.get(key) != tag:
                yield f"{name} is the snapshot {tag}, and its rows say {self._tags.get(key)}"
        for (model, ref), (objects, size) in sorted(sums.items()):
            if size or objects:
                rest = f"{counted(objects, 'object')}, {counted(size, 'byte')}"
                yield f"{model} {ref} is gone, and its rows have {rest}"


def find_unpaid(connection: Connection) -> Iterator[str]:
    """Yield the models that link objects which the model that should pay for them does not pay."""
    rows = connection.execute(
        "SELECT m.owner || '/' || m.name, lower(hex(d.oid)) FROM ledger_objects AS d"
        " JOIN ledger_models AS m ON m.id = d.model WHERE d.payer IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM ledger_objects AS p WHERE p.model = d.payer AND p.oid = d.oid"
        " AND p.payer IS NULL AND p.size = d.size)"
    )
    for model, oid in rows:
        yield f"{model} object {oid} is paid by nobody"
