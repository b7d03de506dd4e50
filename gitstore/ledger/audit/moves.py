"""Following an alias from event to event: a row says that it moved, and its events where to.

How many moves a row is about, it does not say. But each starts where the one before it ended, up to what the
alias is now.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby, islice, takewhile

from gitstore.ledger.audit.told import EventKey, ToldEvent
from gitstore.ledger.values import LedgerRow, RowKind


class AliasLine:
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

    def follow(self, key: EventKey, rows: Sequence[LedgerRow], *, told: Sequence[ToldEvent]) -> Iterator[str]:
        """Yield what is wrong with the events of the rows of one time."""
        lacking: list[LedgerRow] = []
        matched: list[ToldEvent] = []
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

    def _follow_steps(self, key: EventKey, told: Sequence[ToldEvent]) -> Iterator[str]:
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
