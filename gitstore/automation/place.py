"""Where a worker works: the rules, the outbox and the repositories of a local repository or of a store."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gitstore.automation import config
from gitstore.automation.rules import AutomationRule
from gitstore.events import journal
from gitstore.git.repository import Repository
from gitstore.outbox.events import ModelEvent

if TYPE_CHECKING:
    from sqlite3 import Connection


class Place(Protocol):
    """What a worker needs. `source` names the place in events; programs run in `directory`.

    Relative files of inputs are in `directory`, too.
    """

    @property
    def source(self) -> str: ...

    @property
    def directory(self) -> Path: ...

    def read_rules(self) -> Sequence[AutomationRule]:
        """Return the rules as they are now. Raises `BadSettings`."""

    def open(self) -> AbstractContextManager[Connection]:
        """Open the outbox. Raises `GitstoreError`."""

    def reconcile(self, connection: Connection, *, now: int) -> None:
        """Append the events of what has happened and was not told, because somebody was killed."""

    def find_repository(self, event: ModelEvent) -> Repository:
        """Return the repository that an event is about. Raises `GitstoreError` if it is gone."""

    def settle(self, event: ModelEvent) -> None:
        """Take note of refs that an action has changed in the repository of an event."""


class LocalPlace:
    """A local repository: its `.git/automation.yaml`, and the outbox that commands append to."""

    def __init__(self, repository: Repository) -> None:
        self.repository = repository

    @property
    def source(self) -> str:
        return self.repository.common.absolute().as_uri()

    @property
    def directory(self) -> Path:
        return self.repository.common

    def read_rules(self) -> Sequence[AutomationRule]:
        return config.load(config.find_path(self.repository))

    def open(self) -> AbstractContextManager[Connection]:
        return journal.opened(self.repository)

    def reconcile(self, connection: Connection, *, now: int) -> None:
        journal.append_changes(connection, self.repository, now=now)

    def find_repository(self, event: ModelEvent) -> Repository:  # noqa: ARG002 - it is the only one
        return Repository.discover(self.repository.directory)

    def settle(self, event: ModelEvent) -> None:
        """Do nothing: the commands have appended their events themselves."""
