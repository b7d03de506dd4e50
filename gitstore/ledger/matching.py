"""Matching the rows of the ledger with the events of the outbox: what must be told is told exactly once.

A row calls for an event by its ref: `snapshot.created` or `snapshot.deleted`, `state.created`, `alias.moved`,
`evaluation.finished`. Models call for one when they are created, derived and deleted. Events are matched by
type, model, ref and time, and must have the tag and the bytes of the row. Only `evaluation.failed` has no
row: an evaluation that fails leaves nothing.

A row of an alias calls for an event for each move. How many these were, the row does not say; but each starts
where the one before it ended, up to what the alias is now.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby, islice, takewhile
from sqlite3 import Connection
from typing import NamedTuple

import msgspec
from msgspec import Struct

from gitstore.ledger.tables import evaluations, holdings
from gitstore.ledger.values import LedgerRow, RowKind

_CREATED = {
    "refs/tags/": "snapshot.created",
    "refs/states/": "state.created",
    "refs/aliases/": "alias.moved",
    "refs/records/": "evaluation.finished",
}
_DELETED = {"refs/tags/": "snapshot.deleted", "refs/aliases/": "alias.moved"}
_WITHOUT_ROW = "evaluation.failed"


class _Key(NamedTuple):
    """What happened, to which ref of which model (none: to the model itself), when."""

    type: str
    model: str
    ref: str
    time: int

    @property
    def subject(self) -> str:
        return f"{self.model} {self.ref}".rstrip()


class _Facts(NamedTuple):
    """What an event and its row both say: a snapshot's tag, the bytes."""

    tag: str | None = None
    bytes: int | None = None


class _Told(NamedTuple):
    """An event in the outbox. `old_commit` and `commit` are those of an alias."""

    id: str
    facts: _Facts
    old_commit: str | None
    commit: str | None


class _Body(Struct):
    """The keys of an event's JSON that are compared."""

    type: str
    time: int
    model: str
    owner: str | None = None
    ref: str = ""
    tag: str | None = None
    commit: str | None = None
    old_commit: str | None = None
    record: str = ""
    added_bytes: int | None = None
    freed_bytes: int | None = None


class EventMatcher:
    """Matches rows, which are added in their order, with the events. `list_problems` comes after the last."""

    def __init__(self, connection: Connection) -> None:
        """Read the events, and when models were created and deleted."""
        self._connection = connection
        self._told: dict[_Key, list[_Told]] = defaultdict(list)
        self._warnings: dict[tuple[str | None, int], list[str]] = defaultdict(list)
        self._open: list[tuple[_Key, str, bool]] = []
        self._problems: list[str] = []
        self._block: list[LedgerRow] = []
        self._tags: set[tuple[str, str]] = set()
        self._derived: dict[str, dict[str, int]] = defaultdict(dict)
        self._ends: dict[tuple[str, int], list[LedgerRow]] = {}
        self._moved: dict[tuple[str, str], dict[int, list[LedgerRow]]] = defaultdict(dict)
        self._repeated = evaluations.list_repeated(connection)
        self._pruned = connection.execute("SELECT coalesce(max(before), 0) FROM outbox_pruned").fetchone()[0]
        self._models = connection.execute(
            "SELECT owner || '/' || name, base IS NOT NULL, created, deleted FROM ledger_models ORDER BY id"
        ).fetchall()
        self._deleted = {(model, deleted) for model, _, _, deleted in self._models if deleted is not None}
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
        for key, told in sorted(self._told.items()):
            for event in told:
                yield f"event {event.id} {key.type} of {key.subject} has no row in the ledger"
        for ids in self._warnings.values():
            for event_id in ids:
                yield f"event {event_id} quota.warning has no row in the ledger"

    def _read_events(self) -> None:
        decoder = msgspec.json.Decoder(_Body)
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
            elif kind == "quota.warning":
                self._warnings[body.owner, time].append(event_id)
            elif kind != _WITHOUT_ROW:
                told = _Told(event_id, _facts_of(body), body.old_commit, body.commit)
                self._told[_key_of(body)].append(told)

    def _end_block(self) -> None:
        """Match the rows of one transaction, which are all that it added at one time."""
        by_ref: dict[tuple[str, str], list[LedgerRow]] = defaultdict(list)
        models: dict[str, list[LedgerRow]] = defaultdict(list)
        for row in self._block:
            by_ref[f"{row.owner}/{row.model}", row.ref].append(row)
            models[f"{row.owner}/{row.model}"].append(row)
        self._block = []
        for (model, _), rows in by_ref.items():
            self._note_tags(model, rows)
        for model, rows in models.items():
            end = (model, rows[-1].time)
            if end in self._deleted and all(row.kind is RowKind.DELETED for row in rows):
                # The last such transaction removed the model, and those before it only refs.
                earlier, self._ends[end] = self._ends.get(end, []), rows
                self._match_refs(model, earlier)
            else:
                self._match_refs(model, rows)

    def _note_tags(self, model: str, rows: Sequence[LedgerRow]) -> None:
        """Keep the tags of the snapshots that a model has: records about others may have no event."""
        for row in rows:
            if row.snapshot is not None and row.kind is RowKind.DELETED:
                self._tags.discard((model, row.snapshot))
        for row in rows:
            if row.snapshot is not None and row.kind in {RowKind.ADMITTED, RowKind.DERIVED}:
                self._tags.add((model, row.snapshot))

    def _match_refs(self, model: str, rows: Sequence[LedgerRow]) -> None:
        admitted = {row.ref for row in rows if row.kind is RowKind.ADMITTED}
        for row in rows:
            if row.kind is RowKind.ADMITTED:
                self._match(row, _find(_CREATED, row.ref), facts=_Facts(row.snapshot, row.bytes))
            elif row.kind is RowKind.DELETED and row.ref not in admitted:
                self._match(row, _find(_DELETED, row.ref), facts=_Facts(row.snapshot, -row.bytes))
            elif row.kind is RowKind.DERIVED and row.transaction not in self._derived[model]:
                self._derived[model][row.transaction] = row.time
                key = _Key("model.derived", model, "", row.time)
                self._match_key(key, _Facts(), where=f" for row {row.number}")

    def _match(self, row: LedgerRow, kind: str | None, *, facts: _Facts) -> None:
        if kind is None:
            return
        model = f"{row.owner}/{row.model}"
        is_needed = True
        if kind == "alias.moved":
            self._moved[model, row.ref].setdefault(row.time, []).append(row)
            return
        if kind == "evaluation.finished":
            if row.number in self._repeated:  # it was told with the snapshot's former name
                return
            # What is recorded of a tree, or of a snapshot that the store does not have, is no event.
            tag = row.ref.removeprefix("refs/records/").partition("/")[0]
            is_needed, facts = (model, tag) in self._tags, _Facts()
        elif kind == "state.created":
            facts = _Facts(bytes=facts.bytes)
        key = _Key(kind, model, row.ref, row.time)
        self._match_key(key, facts, where=f" for row {row.number}", is_needed=is_needed)

    def _match_models(self) -> None:
        for model, is_derived, created, deleted in self._models:
            if not is_derived:
                self._match_key(_Key("model.created", model, "", created), _Facts())
            elif not any(created <= time <= (deleted or time) for time in self._derived[model].values()):
                continue  # the command that derived it was killed, and nobody ever saw it
            if deleted is not None:
                freed = -sum(row.bytes for row in self._ends.get((model, deleted), ()))
                self._match_key(_Key("model.deleted", model, "", deleted), _Facts(bytes=freed))

    def _match_moves(self) -> None:
        """Follow each alias from event to event."""
        tips = {(held.model, held.ref): str(held.target) for held in holdings.list_holdings(self._connection)}
        ends = {model: [end for name, end in self._deleted if name == model] for model, _ in self._moved}
        for (model, ref), times in self._moved.items():
            line = _AliasLine()
            for time, rows in times.items():
                key = _Key("alias.moved", model, ref, time)
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

    def _match_key(self, key: _Key, facts: _Facts, *, where: str = "", is_needed: bool = True) -> None:
        told = self._told.get(key, ())
        event = next((event for event in told if event.facts == facts), None)
        if event is not None:
            self._told[key].remove(event)
        elif told or (is_needed and key.time >= self._pruned):
            # Two that happen in one microsecond have the same key: each first gets what equals it.
            self._open.append((key, where, is_needed))

    def _close(self) -> None:
        """Give what has not found its event one that differs; what finds none has none."""
        for key, where, is_needed in self._open:
            if told := self._told.get(key):
                event = told.pop(0)
                self._problems.append(
                    f"event {event.id} {key.type} of {key.subject} differs from the ledger{where}"
                )
            elif is_needed and key.time >= self._pruned:
                self._problems.append(f"{key.subject} has no event {key.type}{where}")


class _AliasLine:
    """An alias as its events tell of it: what it led to after the last one, and when that was."""

    def __init__(self) -> None:
        self.time = 0
        self.start()

    def start(self) -> None:
        """Begin with an alias that does not exist."""
        self._tip: str | None = None
        self._is_known = True

    def ends_elsewhere(self, tip: str | None) -> bool:
        """Whether the last event leads to something else than what the alias is."""
        return self._is_known and self._tip != tip

    def lose(self) -> None:
        """What it leads to is not known from here on, because events are missing."""
        self._is_known = False

    def follow(self, key: _Key, rows: Sequence[LedgerRow], *, told: Sequence[_Told]) -> Iterator[str]:
        """Yield what is wrong with the events of the rows of one time."""
        lacking: list[LedgerRow] = []
        matched: list[_Told] = []
        for is_set, group in groupby(rows, lambda row: row.kind is RowKind.ADMITTED):
            changes = list(group)
            rest = islice(told, len(matched), None if is_set else len(matched) + len(changes))
            events = list(takewhile(lambda event: (event.commit is not None) is is_set, rest))  # noqa: B023
            lacking += changes[len(events) :]
            matched += events
        for row in lacking:
            yield f"{key.subject} has no event {key.type} for row {row.number}"
        for event in told[len(matched) :]:
            yield f"event {event.id} {key.type} of {key.subject} has no row in the ledger"
        if lacking:
            self.lose()
        else:
            yield from self._follow_steps(key, matched)

    def _follow_steps(self, key: _Key, told: Sequence[_Told]) -> Iterator[str]:
        """Yield the steps that are missing between events, and events that are there twice."""
        seen: set[tuple[str | None, str | None]] = set()
        for event in told:
            step = event.old_commit, event.commit
            if not self._is_known or event.old_commit == self._tip:
                self._tip, self._is_known = event.commit, True
                seen.add(step)
            elif step in seen:
                yield f"event {event.id} {key.type} of {key.subject} has no row in the ledger"
            else:
                yield f"{key.subject} has no event {key.type} that leads to the start of event {event.id}"
                self._tip = event.commit
                seen.add(step)


def _find(types: dict[str, str], ref: str) -> str | None:
    return next((kind for prefix, kind in types.items() if ref.startswith(prefix)), None)


def _key_of(body: _Body) -> _Key:
    model = f"{body.owner}/{body.model}"
    if body.type == "evaluation.finished":
        return _Key(body.type, model, f"refs/records/{body.tag}/{body.record}", body.time)
    return _Key(body.type, model, body.ref, body.time)


def _facts_of(body: _Body) -> _Facts:
    match body.type:
        case "snapshot.created":
            return _Facts(body.tag, body.added_bytes)
        case "state.created":
            return _Facts(bytes=body.added_bytes)
        case "snapshot.deleted":
            return _Facts(body.tag, body.freed_bytes)
        case "model.deleted":
            return _Facts(bytes=body.freed_bytes)
    return _Facts()
