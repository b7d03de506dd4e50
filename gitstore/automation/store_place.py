"""A store as a place of a worker: rules in store.yaml, the outbox in its ledger, many repositories."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gitstore.automation import config
from gitstore.automation.rules import AutomationRule
from gitstore.errors import GitstoreError
from gitstore.events.journal import read_clock
from gitstore.git.repository import Repository
from gitstore.outbox.events import ModelEvent
from gitstore.store.store import Store

if TYPE_CHECKING:
    from sqlite3 import Connection


class StorePlace:
    """A store. Hooks append events in the ledger's transactions; what they could not, a worker does."""

    def __init__(self, store: Store) -> None:
        self.store = store

    @property
    def source(self) -> str:
        return self._reopen().config.url or self.store.root.as_uri()

    @property
    def directory(self) -> Path:
        return self.store.root

    def read_rules(self) -> Sequence[AutomationRule]:
        return config.check_node(self._reopen().config.automation, str(self.store.config_path))

    @contextmanager
    def open(self) -> Iterator[Connection]:
        from gitstore.ledger.ledger import Ledger

        with Ledger.open(self.store.ledger_path) as ledger:
            yield ledger.connection

    def reconcile(self, connection: Connection, *, now: int) -> None:
        """Bring the ledger up to date with all repositories. One that is damaged does not stop the others.

        Raises the first error at the end.
        """
        from gitstore.ledger.ledger import Ledger
        from gitstore.store.receive.reconcile import reconcile, reconcile_models

        problem: GitstoreError | None = None
        ledger = Ledger(connection)
        for model in self.store.models():
            try:
                reconcile(ledger, model, now=now, pid=os.getpid())
            except GitstoreError as error:
                problem = problem or error
        reconcile_models(ledger, self.store, now=now)
        if problem is not None:
            raise problem

    def find_repository(self, event: ModelEvent) -> Repository:
        return self.store.find_model(event.full_name).repository

    def settle(self, event: ModelEvent) -> None:
        """Charge what an action has written, and append its events: it wrote without the hooks."""
        from gitstore.ledger.ledger import Ledger
        from gitstore.store.receive.reconcile import reconcile

        model = self.store.find_model(event.full_name)
        with Ledger.open(self.store.ledger_path) as ledger:
            reconcile(ledger, model, now=read_clock(), pid=os.getpid())

    def _reopen(self) -> Store:
        """Return the store with its settings as they are now: a worker runs for weeks."""
        return Store.open(self.store.root)
