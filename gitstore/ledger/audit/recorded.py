"""Which evaluations are to be told: when the record's ref and the snapshot are there, whichever came last."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from sqlite3 import Connection

import msgspec

from gitstore.ledger.audit.told import EventFacts
from gitstore.ledger.tables import evaluations
from gitstore.ledger.values import LedgerRow, RowKind
from gitstore.names import split_record
from gitstore.outbox import events
from gitstore.outbox.events import EvaluationFinished

_Tag = tuple[str, str]
"""A model, and the id of a tag."""


class EvaluationMatcher:
    """Follows rows, in their order: which snapshots a model has, and which records wait for one."""

    def __init__(self, connection: Connection) -> None:
        """Read which commits the rows of records are about."""
        self._commits = evaluations.read(connection)
        self._due: set[int] = set()
        self._told: set[tuple[int, bytes]] = set()
        self._problems: list[str] = []
        self._snapshots: dict[_Tag, dict[str, None]] = defaultdict(dict)
        self._tags: dict[tuple[str, str], str] = {}
        self._waiting: dict[_Tag, dict[str, LedgerRow]] = defaultdict(dict)
        self._touched: dict[_Tag, LedgerRow] = {}

    def note(self, ref: str, rows: Sequence[LedgerRow], *, model: str) -> None:
        """Follow the rows of one ref in one transaction."""
        record = split_record(ref)
        for row in rows:
            if row.kind is RowKind.INHERITED:
                continue
            if record is not None:
                self._note_record(row, model=model, tag=record[0])
            elif ref.startswith("refs/tags/"):
                self._note_snapshot(row, model=model)

    def _note_record(self, row: LedgerRow, *, model: str, tag: str) -> None:
        self._waiting[model, tag].pop(row.ref, None)
        if row.kind is RowKind.ADMITTED:
            self._waiting[model, tag][row.ref] = row
            self._touched[model, tag] = row

    def _note_snapshot(self, row: LedgerRow, *, model: str) -> None:
        tag = self._tags.pop((model, row.ref), None)
        if tag is not None:
            del self._snapshots[model, tag][row.ref]
        if row.kind is not RowKind.DELETED and row.snapshot is not None:
            self._tags[model, row.ref] = row.snapshot
            self._snapshots[model, row.snapshot][row.ref] = None
            self._touched[model, row.snapshot] = row

    def take(self) -> Iterator[tuple[str, str, EventFacts, LedgerRow]]:
        """Yield what is to be told now: the model, the ref of the record, and the row that came last."""
        touched, self._touched = self._touched, {}
        for (model, tag), row in touched.items():
            snapshot = next(iter(self._snapshots.get((model, tag), ())), None)
            if snapshot is not None:
                for ref, record in self._waiting.pop((model, tag), {}).items():
                    commit = self._find_commit(record.number)
                    if commit is not None:
                        yield model, ref, EventFacts(snapshot=snapshot, commit=commit.hex()), row

    def _find_commit(self, row: int) -> bytes | None:
        """Return the commit of a record; `None` if it was told with its snapshot's former name."""
        self._due.add(row)
        evaluation = self._commits.get(row)
        if evaluation is None:
            self._problems.append(f"row {row} of the ledger is about an evaluation that is not noted")
            return None
        is_told = evaluation in self._told
        self._told.add(evaluation)
        return None if is_told else evaluation[1]

    def compare_kept(self, connection: Connection) -> Iterator[str]:
        """Yield the records that wait and whose event is not kept, and events that nobody waits for."""
        yield from self._problems
        for row in sorted(self._commits.keys() - self._due):
            yield f"row {row} of the ledger is noted as an evaluation, and is none"
        yield from self._compare_commits(connection)
        waiting = {
            (model, ref): row.number
            for (model, _), refs in self._waiting.items()
            for ref, row in refs.items()
        }
        rows = connection.execute(
            "SELECT m.owner || '/' || m.name, a.ref, lower(hex(a.target)), a.event, a.event_row"
            " FROM ledger_admissions AS a JOIN ledger_models AS m ON m.id = a.model"
            " WHERE a.event IS NOT NULL OR a.event_row IS NOT NULL"
        )
        for model, ref, commit, body, row in rows:
            if (model, ref) not in waiting:
                yield f"{model} {ref} keeps an event that waits for nothing"
            elif waiting.pop((model, ref)) != row or not _is_of(body, model, ref, commit=commit):
                yield f"{model} {ref} keeps an event that is not of it"
        for model, ref in sorted(waiting):
            yield f"{model} {ref} waits for its snapshot, and its event is not kept"

    def _compare_commits(self, connection: Connection) -> Iterator[str]:
        """Yield the rows that are noted as about another model, or another commit than their ref has."""
        rows = connection.execute(
            "SELECT r.number FROM ledger_evaluations AS e JOIN ledger_rows AS r ON r.number = e.row"
            " JOIN ledger_models AS m ON m.id = e.model WHERE m.owner != r.owner OR m.name != r.model"
        )
        for (row,) in rows:
            yield f"row {row} of the ledger is noted as an evaluation of another model"


def _is_of(body: str | None, model: str, ref: str, *, commit: str) -> bool:
    if body is None:
        return False
    try:
        event = events.decode(body)
    except msgspec.MsgspecError:
        return False
    return (
        isinstance(event, EvaluationFinished)
        and event.full_name == model
        and (event.tag, event.record, event.commit) == (*(split_record(ref) or ()), commit)
    )
