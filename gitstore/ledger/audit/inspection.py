"""Reading all that the ledger says of a model, for an audit, and comparing its own sums with each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from sqlite3 import Connection
from typing import NamedTuple

from gitstore.ledger.tables import charges, holdings, models, pending
from gitstore.ledger.tables.charges import Charge, Gains
from gitstore.ledger.tables.schema import PENDING
from gitstore.ledger.values import Pending
from gitstore.packs.oid import Oid
from gitstore.text import counted


class LedgerObject(NamedTuple):
    """An object as the ledger has it. `children` are the packed numbers of those that it refers to."""

    id: int
    kind: int
    size: int
    admission: int
    children: bytes | None


class InspectedModel(NamedTuple):
    """All that the ledger says of a model, without what is only reserved.

    `objects` are those that a base pays for included. `bytes` is what the model itself pays.
    """

    refs: Mapping[str, Oid]
    admissions: Mapping[int, Charge]
    objects: Mapping[Oid, LedgerObject]
    bytes: int
    pending: tuple[Pending, ...]
    problems: tuple[str, ...]

    @property
    def holders(self) -> Iterator[tuple[int, Oid]]:
        """The admissions with their values, the oldest first."""
        for number, charge in self.admissions.items():
            yield number, Oid(charge.target)

    @property
    def layers(self) -> Iterator[tuple[str, Oid, Oid]]:
        """Refs with an earlier and a later value that both hold objects: the later contains the earlier."""
        newest: dict[str, Oid] = {}
        for charge in self.admissions.values():
            target = Oid(charge.target)
            if charge.ref in newest:
                yield charge.ref, newest[charge.ref], target
            newest[charge.ref] = target

    @property
    def busy(self) -> set[str]:
        """The refs that living pushes are changing."""
        return {change.ref for reserved in self.pending for change in reserved.refs}

    def ref_of(self, admission: int | None) -> str:
        """Return the ref of an admission, for a message."""
        return "nobody" if admission is None else self.admissions[admission].ref


def inspect(connection: Connection, full_name: str) -> InspectedModel | None:
    """Return what the ledger says of a model; `None` if it does not know it. Raises `Corrupt`."""
    model = models.find_model(connection, full_name)
    if model is None:
        return None
    settled = {charge.admission: charge for charge in charges.list_all_settled(connection, model.id)}
    reserved = {charge.admission: charge for charge in charges.list_pending(connection, model.id)}
    ranks = {charge.admission: charge.rank % PENDING for charge in (*settled.values(), *reserved.values())}
    objects: dict[Oid, LedgerObject] = {}
    paid = Gains.none()
    problems: list[str] = []
    rows = connection.execute(
        "SELECT oid, id, kind, size, admission, children, payer, since FROM ledger_objects WHERE model = ?",
        (model.id,),
    )
    for name, number, kind, size, admission, children, payer, since in rows:
        if admission in settled:
            objects[Oid(name)] = LedgerObject(number, kind, size, admission, children)
        if payer is None:
            paid.add(admission, size)
        if since > ranks.get(admission, -1):
            problems.append(_explain_rank(name.hex(), since, ranks.get(admission)))
    return InspectedModel(
        holdings.list_refs(connection, model.id),
        settled,
        objects,
        sum(paid.bytes[admission] for admission in settled),
        tuple(pending.list_pending(connection, full_name)),
        (
            *problems,
            *_compare_sums(connection, model.id, settled=settled, reserved=reserved, paid=paid),
            *_compare_tags((*settled.values(), *reserved.values())),
        ),
    )


def _explain_rank(oid: str, since: int, rank: int | None) -> str:
    if rank is None:
        return f"object {oid} is charged to an admission that does not exist"
    return f"object {oid} is held since {since}, and charged to an older admission, {rank}"


def _compare_tags(admissions: Iterable[Charge]) -> Iterator[str]:
    """Yield the refs that are billed as another snapshot, or are one and are not billed as one."""
    for charge in admissions:
        tag = charge.target if charge.ref.startswith("refs/tags/") else None
        if charge.tag != tag:
            yield (
                f"{charge.ref} is {'no snapshot' if tag is None else f'the snapshot {tag.hex()}'}, and"
                f" {'none' if charge.tag is None else charge.tag.hex()} on the bill"
            )


def _compare_sums(
    connection: Connection,
    model: int,
    *,
    settled: Mapping[int, Charge],
    reserved: Mapping[int, Charge],
    paid: Gains,
) -> Iterator[str]:
    """Yield where the sums of admissions and of the model are not those of its objects."""
    for charge in (*settled.values(), *reserved.values()):
        objects, size = paid.objects[charge.admission], paid.bytes[charge.admission]
        if charge.bytes != size:
            yield f"{charge.ref} has {counted(charge.bytes, 'byte')}, and its objects have {size:,}"
        if charge.objects != objects:
            yield f"{charge.ref} has {counted(charge.objects, 'object')}, and is charged {objects:,}"
    expected = (
        sum(paid.bytes[admission] for admission in settled),
        sum(paid.objects[admission] for admission in settled),
        sum(paid.bytes[admission] for admission in reserved),
    )
    stored = connection.execute(
        "SELECT bytes, objects, reserved FROM ledger_models WHERE id = ?", (model,)
    ).fetchone()
    for word, total, summed in zip(("byte", "object", "reserved byte"), stored, expected, strict=True):
        if total != summed:
            yield f"has {counted(total, word)}, and its objects have {summed:,}"
