"""Byte-seconds: how many bytes refs were charged for in a period, and for how long.

Nothing is sampled. The ledger has a row for each change, and a change counts from the second that it was made
in. So what is deleted stops costing in that second, and byte-seconds are exact integers: bytes times whole
seconds. Bytes that pass from one ref to another at the same time are charged to exactly one of them at any
second, and the byte-seconds of neighbouring periods add up to those of both together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from gitstore.billing.periods import MICROSECONDS, Period


class BilledRef(NamedTuple):
    """A ref of a model in a store. `snapshot` is its tag's id if it is a snapshot: the name can be reused."""

    owner: str
    model: str
    ref: str
    snapshot: str | None = None


class ByteChange(NamedTuple):
    """So many bytes more, or less if negative, that a ref is charged for, since `time` in microseconds."""

    time: int
    subject: BilledRef
    bytes: int

    @property
    def second(self) -> int:
        """The second from which it counts."""
        return self.time // MICROSECONDS


@dataclass
class MeteredRef:
    """What a ref was charged for in a period.

    `bytes` are those at its end, `seconds` those in which it was charged for any.
    """

    subject: BilledRef
    bytes: int = 0
    seconds: int = 0
    byte_seconds: int = 0

    @property
    def average(self) -> int:
        """Its bytes on average over its seconds, rounded down; exact if they did not change."""
        return self.byte_seconds // self.seconds if self.seconds else 0


def measure_refs(changes: Iterable[ByteChange], period: Period) -> list[MeteredRef]:
    """Return the refs that are charged for bytes in a period, or at its end, in the order of their names.

    `changes` are all changes since the ledger began, of the refs that matter, ordered by time. Those after
    the period are passed over.
    """
    ((_, metered),) = measure_periods(changes, [period])
    return metered


def measure_periods(
    changes: Iterable[ByteChange], periods: Iterable[Period]
) -> Iterator[tuple[Period, list[MeteredRef]]]:
    """Yield what `measure_refs` returns for each of several periods, in order; they do not overlap.

    It goes through the changes once.
    """
    waiting = _Waiting(changes)
    balances: dict[BilledRef, int] = {}
    for period in periods:
        for change in waiting.take_before(period.since):
            _add(balances, change)
        metered = {
            subject: MeteredRef(subject, size, period.seconds, size * period.seconds)
            for subject, size in balances.items()
        }
        for change in waiting.take_before(period.until):
            _add(balances, change)
            _count(metered, change, period)
        charged = [ref for ref in metered.values() if ref.bytes or ref.seconds]
        yield period, sorted(charged, key=lambda ref: sort_key(ref.subject))


def sort_key(subject: BilledRef) -> tuple[str, ...]:
    """The order of refs: by owner, model and name."""
    return subject.owner, subject.model, subject.ref, subject.snapshot or ""


class _Waiting:
    """The changes that have not been counted yet."""

    def __init__(self, changes: Iterable[ByteChange]) -> None:
        self._changes = iter(changes)
        self._next = next(self._changes, None)

    def take_before(self, second: int) -> Iterator[ByteChange]:
        """Yield the changes that count from before a second."""
        while self._next is not None and self._next.second < second:
            yield self._next
            self._next = next(self._changes, None)


def _add(balances: dict[BilledRef, int], change: ByteChange) -> None:
    """Add a change to what is held. What holds nothing is left out."""
    size = balances.get(change.subject, 0) + change.bytes
    if size:
        balances[change.subject] = size
    else:
        balances.pop(change.subject, None)


def _count(metered: dict[BilledRef, MeteredRef], change: ByteChange, period: Period) -> None:
    """Count a change for the rest of the period. So far, the bytes of its ref were counted to the end."""
    rest = period.until - change.second
    ref = metered.setdefault(change.subject, MeteredRef(change.subject))
    had_bytes = ref.bytes != 0
    ref.bytes += change.bytes
    ref.byte_seconds += change.bytes * rest
    ref.seconds += ((ref.bytes != 0) - had_bytes) * rest
