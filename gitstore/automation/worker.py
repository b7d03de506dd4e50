"""The worker: it chooses what is to be done because of events, does it, and tries again what fails.

Several workers may run at once: each delivery is claimed by one of them, for as long as it renews its lease.
A worker that is killed leaves nothing but the lease, which ends by itself.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gitstore.automation.actions.act import act
from gitstore.automation.actions.result import ActionResult
from gitstore.automation.backoff import wait_after
from gitstore.automation.place import Place
from gitstore.automation.rules import AutomationRule
from gitstore.automation.selection import select_rules
from gitstore.disk.afterwards import only_warn
from gitstore.events.journal import MICROSECONDS, read_clock
from gitstore.outbox import deliveries
from gitstore.outbox.append import append
from gitstore.outbox.deliveries import ClaimedDelivery

if TYPE_CHECKING:
    from sqlite3 import Connection

_log = logging.getLogger(__name__)

LEASE = 60.0
"""Seconds that a claim holds unless it is renewed. After a kill, another worker waits so long."""

POLL = 1.0
"""Seconds between two looks at the outbox."""

RECONCILE = 900.0
"""Seconds between two comparisons of the refs with what was told. Whoever moves refs tells it himself."""


_STOPPED = ActionResult("failed", "the worker was stopped")


@dataclass(frozen=True)
class Worker:
    """A worker of a place. `lease` is in seconds, `clock` gives microseconds."""

    place: Place
    lease: float = LEASE
    clock: Callable[[], int] = read_clock

    def work_once(self) -> int:
        """Do all that is due now, and return how many attempts that were. Raises `GitstoreError`."""
        attempts = 0
        with self.place.open() as connection:
            self.reconcile(connection)
            while self.step(connection):
                attempts += 1
        return attempts

    def work(self, wait: Callable[[float], bool]) -> None:
        """Work until `wait` says so: it waits for some seconds, and returns whether to end.

        Rules are read again for each delivery. An error that passes by itself (a locked file, a mistake in
        the rules) is a warning.
        """
        with self.place.open() as connection:
            self.reconcile(connection)
            reconciled = self.clock()
            is_over = False
            while not is_over:
                has_worked = False
                with only_warn("this worker goes on"):
                    if self.clock() - reconciled > RECONCILE * MICROSECONDS:
                        self.reconcile(connection)
                        reconciled = self.clock()
                    has_worked = self.step(connection)
                is_over = wait(0.0 if has_worked else POLL)

    def reconcile(self, connection: Connection) -> None:
        """Append the events that were lost, and delete those that are old."""
        from gitstore.disk import sqlite

        now = self.clock()
        self.place.reconcile(connection, now=now)
        with sqlite.transaction(connection):
            deliveries.prune(connection, before=now - deliveries.KEEP)

    def step(self, connection: Connection) -> bool:
        """Try one delivery, if any is due. Returns whether one was."""
        from gitstore.disk import sqlite

        rules = self.place.read_rules()
        with sqlite.transaction(connection):
            now = self.clock()
            deliveries.select(
                connection, lambda event: [rule.name for rule in select_rules(rules, event)], now=now
            )
            claimed = deliveries.claim(connection, now=now, lease=self._lease)
        if claimed is None:
            return False
        self._try(connection, claimed, rules=rules)
        return True

    def _try(
        self, connection: Connection, claimed: ClaimedDelivery, *, rules: Sequence[AutomationRule]
    ) -> None:
        rule = next((rule for rule in rules if rule.name == claimed.rule), None)
        try:
            with self._renewing(claimed):
                result = act(rule, claimed, place=self.place, now=self.clock())
        except BaseException:
            # The worker is being stopped. Whoever works next tries it at once.
            self._finish(connection, claimed, result=_STOPPED, again_in=0.0)
            raise
        self._finish(connection, claimed, result=result, again_in=_plan(rule, claimed.attempt, result))
        _log.info("%s: %s: %s", claimed.rule, claimed.event.subject, result.detail.partition("\n")[0])

    def _finish(
        self,
        connection: Connection,
        claimed: ClaimedDelivery,
        *,
        result: ActionResult,
        again_in: float | None,
    ) -> None:
        """Record an attempt and the events that it caused, in one transaction."""
        from gitstore.disk import sqlite

        with sqlite.transaction(connection):
            now = self.clock()
            again_at = None if again_in is None else now + round(again_in * MICROSECONDS)
            if deliveries.finish(
                connection, claimed, result.outcome, detail=result.detail, now=now, again_at=again_at
            ):
                for event in result.events:
                    append(connection, event)

    @contextmanager
    def _renewing(self, claimed: ClaimedDelivery) -> Iterator[None]:
        """Renew a claim from time to time while the block runs."""
        is_over = threading.Event()
        thread = threading.Thread(target=self._renew, args=(claimed, is_over), daemon=True)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()

    def _renew(self, claimed: ClaimedDelivery, is_over: threading.Event) -> None:
        from gitstore.disk import sqlite

        while not is_over.wait(self.lease / 3):
            with (
                only_warn(f"the claim of {claimed.rule} was not renewed"),
                self.place.open() as connection,
                sqlite.transaction(connection),
            ):
                deliveries.renew(connection, claimed, now=self.clock(), lease=self._lease)

    @property
    def _lease(self) -> int:
        return round(self.lease * MICROSECONDS)


def _plan(rule: AutomationRule | None, attempt: int, result: ActionResult) -> float | None:
    """Return the seconds after which to try again; `None` if that is over."""
    if result.outcome != "failed" or result.final or rule is None or attempt >= rule.attempts:
        return None
    return max(wait_after(attempt, random.random()), result.wait or 0.0)  # noqa: S311 - only spreads load
