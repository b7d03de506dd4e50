"""Comparing the ledger's rows with what refs are charged now, and with the order of their admissions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from sqlite3 import Connection
from typing import NamedTuple

from gitstore.ledger.tables import holdings
from gitstore.ledger.tables.schema import PENDING
from gitstore.ledger.values import LedgerRow, RowKind
from gitstore.text import counted

_Ref = tuple[str, str]
"""A model, and one of its refs."""


class _Admitted(NamedTuple):
    """The rows that admitted the values of a ref since it was last gone.

    `is_complete`: all of them hold. It is unknown how many do when a row took some off and the ref stayed.
    """

    rows: list[int]
    is_complete: bool = True


class RowSums:
    """Adds up each ref's rows, and compares them with what is charged to it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sums: dict[_Ref, tuple[int, int]] = {}
        self._tags: dict[_Ref, str | None] = {}
        self._admitted: dict[_Ref, _Admitted] = {}
        self._gone: dict[_Ref, str] = {}
        self._time = 0
        self._early: list[int] = []

    def add(self, row: LedgerRow) -> None:
        """Count the next row."""
        key = (f"{row.owner}/{row.model}", row.ref)
        objects, size = self._sums.get(key, (0, 0))
        self._sums[key] = objects + row.objects, size + row.bytes
        if row.time < self._time:
            self._early.append(row.number)
        self._time = row.time
        if row.kind is RowKind.DELETED:
            self._gone[key] = row.transaction
        elif row.kind is not RowKind.INHERITED:  # which may be for a former value
            self._tags[key] = row.snapshot
            self._note(key, row)

    def _note(self, key: _Ref, row: LedgerRow) -> None:
        gone = self._gone.pop(key, None)
        admitted = self._admitted.get(key)
        if admitted is None or gone not in {None, row.transaction}:
            self._admitted[key] = _Admitted([row.number])
            return
        admitted.rows.append(row.number)
        if gone is not None:
            self._admitted[key] = admitted._replace(is_complete=False)

    def list_problems(self) -> Iterator[str]:
        """Yield the refs whose rows do not add up to what is charged to them, or say something else."""
        for number in self._early:
            yield f"row {number} of the ledger has an earlier time than the row before"
        yield from self._compare_sums()
        yield from self._compare_order()

    def _compare_sums(self) -> Iterator[str]:
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

    def _compare_order(self) -> Iterator[str]:
        """Yield the refs with too many or too few values, and those that were admitted in another order."""
        admissions = self._connection.execute(
            "SELECT m.owner || '/' || m.name, a.ref FROM ledger_admissions AS a"
            " JOIN ledger_models AS m ON m.id = a.model WHERE m.deleted IS NULL AND a.rank < ?"
            " ORDER BY a.model, a.rank",
            (PENDING,),
        )
        missing = self._admitted.keys() - self._gone.keys()
        for model, group in groupby(admissions, itemgetter(0)):
            refs = [ref for _, ref in group]
            missing -= {(model, ref) for ref in refs}
            yield from self._compare_model(model, refs)
        for model, ref in sorted(missing):
            yield f"{model} {ref} has no value, and its rows say that it has one"

    def _compare_model(self, model: str, refs: list[str]) -> Iterator[str]:
        count = dict.fromkeys(refs, 0)
        for ref in refs:
            count[ref] += 1
        waiting = {
            ref: list(admitted.rows) if admitted.is_complete else [0] * (count[ref] - 1) + admitted.rows[-1:]
            for ref in count
            if (admitted := self._admitted.get((model, ref)))
        }
        for ref, number in count.items():
            rows = len(waiting.get(ref, ()))
            if number != rows:
                yield f"{model} {ref} has {counted(number, 'value')}, and its rows say {rows:,}"
                return
        last, before = 0, ""
        for ref in refs:
            row = waiting[ref].pop(0)
            if row and row < last:
                yield f"{model} {ref} is younger than {before}, and row {row} of the ledger says the opposite"
            if row:
                last, before = row, ref
