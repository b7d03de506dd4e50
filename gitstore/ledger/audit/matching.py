"""Matching the rows of the ledger with the events of the outbox: what must be told is told exactly once.

A row calls for an event by its ref: `snapshot.created` or `snapshot.deleted`, `state.created`, `alias.moved`.
A record and its snapshot call for one `evaluation.finished` together, at the time of the later one. Models
call for one when they are created, derived and deleted. Events are matched by type, model, ref and time, and
must have the tag and the bytes of the row. Only `evaluation.failed` has no row: an evaluation that fails
leaves nothing.

A row of an alias calls for an event for each move, see `moves`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from sqlite3 import Connection
from typing import NamedTuple

import msgspec

from gitstore.ledger.audit.moves import AliasLine
from gitstore.ledger.audit.recorded import EvaluationMatcher
from gitstore.ledger.audit.told import (
    EventBody,
    EventFacts,
    EventKey,
    ToldEvent,
    facts_of,
    find_wrong_name,
    key_of,
)
from gitstore.ledger.tables import holdings
from gitstore.ledger.values import LedgerRow, RowKind
from gitstore.names import split_record
from gitstore.outbox.deliveries import find_pruned

_CREATED = {
    "refs/tags/": "snapshot.created",
    "refs/states/": "state.created",
    "refs/aliases/": "alias.moved",
}
_DELETED = {"refs/tags/": "snapshot.deleted", "refs/aliases/": "alias.moved"}
_WITHOUT_ROW = "evaluation.failed"


class _ModelLife(NamedTuple):
    """When a model was created and deleted, and the name of its base."""

    name: str
    base: str | None
    created: int
    deleted: int | None

    def had(self, time: int) -> bool:
        return self.created <= time <= (time if self.deleted is None else self.deleted)


class EventMatcher:
    """Matches rows, which are added in their order, with the events. `list_problems` comes after the last."""

    def __init__(self, connection: Connection) -> None:
        """Read the events, and when models were created and deleted."""
        self._connection = connection
        self._told: dict[EventKey, list[ToldEvent]] = defaultdict(list)
        self._warnings: dict[tuple[str | None, int], list[str]] = defaultdict(list)
        self._open: list[tuple[EventKey, str]] = []
        self._problems: list[str] = []
        self._block: list[LedgerRow] = []
        self._evaluations = EvaluationMatcher(connection)
        self._moved: dict[tuple[str, str], dict[int, list[LedgerRow]]] = defaultdict(dict)
        self._commits: dict[tuple[str, str], ToldEvent] = {}
        self._derived: dict[str, dict[str, int]] = defaultdict(dict)
        self._ends: dict[tuple[str, int], list[LedgerRow]] = {}
        self._pruned = find_pruned(connection)
        self._models = [
            _ModelLife(*row)
            for row in connection.execute(
                "SELECT m.owner || '/' || m.name, b.owner || '/' || b.name, m.created, m.deleted"
                " FROM ledger_models AS m LEFT JOIN ledger_models AS b ON b.id = m.base ORDER BY m.id"
            )
        ]
        self._reserved = {
            name
            for (name,) in connection.execute(
                "SELECT m.owner || '/' || m.name FROM ledger_reservations AS r"
                " JOIN ledger_models AS m ON m.id = r.model"
            )
        }
        self._deleted = {(model.name, model.deleted) for model in self._models if model.deleted is not None}
        self._read_events()

    def add(self, row: LedgerRow) -> None:
        """Match the next row."""
        if self._block and self._block[-1].transaction != row.transaction:
            self._end_block()
        self._block.append(row)
        self._warnings.pop((row.owner, row.time), None)

    def list_problems(self) -> Iterator[str]:
        """Yield the rows and models whose event is missing or says something else; events without a row."""
        self._end_block()
        self._match_models()
        self._match_moves()
        self._close()
        yield from self._problems
        yield from self._compare_values()
        yield from self._evaluations.compare_kept(self._connection)
        for key, told in sorted(self._told.items()):
            for event in told:
                yield f"event {event.id} {key.type} of {key.subject} has no row in the ledger"
        for ids in self._warnings.values():
            for event_id in ids:
                yield f"event {event_id} quota.warning has no row in the ledger"

    def _read_events(self) -> None:
        decoder = msgspec.json.Decoder(EventBody)
        rows = self._connection.execute("SELECT id, type, time, body FROM outbox_events ORDER BY number")
        for event_id, kind, time, text in rows:
            try:
                body = decoder.decode(text)
            except msgspec.MsgspecError:
                self._problems.append(f"event {event_id} cannot be read")
                continue
            if (body.type, body.time) != (kind, time):
                self._problems.append(
                    f"event {event_id} says {body.type} at {body.time}, not {kind} at {time}"
                )
            elif (wrong := find_wrong_name(body)) is not None:
                self._problems.append(f"event {event_id} {kind} of {key_of(body).subject} names {wrong}")
            elif kind == "quota.warning":
                self._warnings[body.owner, time].append(event_id)
            elif kind != _WITHOUT_ROW:
                told = ToldEvent(event_id, facts_of(body), body.old_commit, body.commit)
                self._told[key_of(body)].append(told)

    def _end_block(self) -> None:
        """Match the rows of one transaction, which are all that it added at one time."""
        by_ref: dict[tuple[str, str], list[LedgerRow]] = defaultdict(list)
        models: dict[str, list[LedgerRow]] = defaultdict(list)
        for row in self._block:
            by_ref[f"{row.owner}/{row.model}", row.ref].append(row)
            models[f"{row.owner}/{row.model}"].append(row)
        self._block = []
        for (model, ref), rows in by_ref.items():
            self._evaluations.note(ref, rows, model=model)
        for model, rows in models.items():
            end = (model, rows[-1].time)
            if end in self._deleted and all(row.kind is RowKind.DELETED for row in rows):
                # The last such transaction removed the model, and those before it only refs.
                earlier, self._ends[end] = self._ends.get(end, []), rows
                self._match_refs(model, earlier)
            else:
                self._match_refs(model, rows)
        for model, ref, facts, last in self._evaluations.take():
            key = EventKey("evaluation.finished", model, ref, last.time)
            self._match_key(key, facts, where=f" for row {last.number}")

    def _match_refs(self, model: str, rows: Sequence[LedgerRow]) -> None:
        admitted = {row.ref for row in rows if row.kind is RowKind.ADMITTED}
        for row in rows:
            if row.kind is RowKind.ADMITTED:
                self._match(row, _find(_CREATED, row.ref), facts=EventFacts(row.snapshot, row.bytes))
            elif row.kind is RowKind.DELETED and row.ref not in admitted:
                self._match(row, _find(_DELETED, row.ref), facts=EventFacts(row.snapshot, -row.bytes))
            elif row.kind is RowKind.DERIVED:
                self._commits.pop((model, row.ref), None)  # no event tells of it
                if row.transaction in self._derived[model]:
                    continue
                self._derived[model][row.transaction] = row.time
                key = EventKey("model.derived", model, "", row.time)
                bases = [life.base for life in self._models if life.name == model and life.had(row.time)]
                facts = EventFacts(base=bases[-1] if bases else None)
                self._match_key(key, facts, where=f" for row {row.number}")

    def _match(self, row: LedgerRow, kind: str | None, *, facts: EventFacts) -> None:
        if kind is None:
            return
        model = f"{row.owner}/{row.model}"
        if kind == "alias.moved":
            self._moved[model, row.ref].setdefault(row.time, []).append(row)
            return
        if kind == "state.created":
            facts = EventFacts(bytes=facts.bytes)
        key = EventKey(kind, model, row.ref, row.time)
        self._match_key(key, facts, where=f" for row {row.number}")

    def _match_models(self) -> None:
        for model, base, created, deleted in self._models:
            if base is None:
                self._match_key(EventKey("model.created", model, "", created), EventFacts())
            elif created not in self._derived[model].values():
                if deleted is not None or model not in self._reserved:  # else it is being derived
                    self._problems.append(f"{model} is based on {base} since {created}, and no row says so")
                continue
            if deleted is not None:
                freed = -sum(row.bytes for row in self._ends.get((model, deleted), ()))
                self._match_key(EventKey("model.deleted", model, "", deleted), EventFacts(bytes=freed))

    def _match_moves(self) -> None:
        """Follow each alias from event to event."""
        tips = {(held.model, held.ref): str(held.target) for held in holdings.list_holdings(self._connection)}
        ends = {model: [end for name, end in self._deleted if name == model] for model, _ in self._moved}
        for (model, ref), times in self._moved.items():
            line = AliasLine()
            for time, rows in times.items():
                key = EventKey("alias.moved", model, ref, time)
                if any(line.time <= end <= time for end in ends[model]):
                    line.start()  # of another model with this name
                told = self._told.pop(key, [])
                if time >= self._pruned:
                    self._problems += line.follow(key, rows, told=told)
                else:
                    line.lose()
                line.time = time
            if (model, ref) in tips and line.ends_elsewhere(tips[model, ref]):
                self._problems.append(f"{model} {ref} has no event alias.moved that leads to what it is now")

    def _match_key(self, key: EventKey, facts: EventFacts, *, where: str = "") -> None:
        told = self._told.get(key, ())
        self._commits.pop((key.model, key.ref), None)
        event = next((event for event in told if event.facts == facts), None)
        if event is not None:
            self._told[key].remove(event)
            self._commits[key.model, key.ref] = event
        elif told or key.time >= self._pruned:
            # Two that happen in one microsecond have the same key: each first gets what equals it.
            self._open.append((key, where))

    def _close(self) -> None:
        """Give what has not found its event one that differs; what finds none has none."""
        for key, where in self._open:
            if told := self._told.get(key):
                event = told.pop(0)
                self._problems.append(
                    f"event {event.id} {key.type} of {key.subject} differs from the ledger{where}"
                )
            elif key.time >= self._pruned:
                self._problems.append(f"{key.subject} has no event {key.type}{where}")

    def _compare_values(self) -> Iterator[str]:
        """Yield the states whose last event has another commit than the ref."""
        for holding in holdings.list_holdings(self._connection):
            event = self._commits.get((holding.model, holding.ref))
            is_state = holding.ref.startswith("refs/states/")
            if is_state and event is not None and event.commit != str(holding.target):
                yield f"event {event.id} of {holding.model} {holding.ref} has another commit"


def find_type(ref: str, *, is_deleted: bool = False) -> str | None:
    """Return the type of the event that a change of a ref calls for; `None` if nobody is told of it."""
    if split_record(ref) is not None:
        return None if is_deleted else "evaluation.finished"
    return _find(_DELETED if is_deleted else _CREATED, ref)


def _find(types: dict[str, str], ref: str) -> str | None:
    return next((kind for prefix, kind in types.items() if ref.startswith(prefix)), None)
