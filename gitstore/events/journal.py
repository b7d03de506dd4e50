"""The events of a local repository: what its refs tell, appended to `.git/gitstore/outbox.sqlite`.

Commands that change refs call `observe` before and after. It compares the refs with those that events have
told of, and appends what is new, in one transaction that starts with a lock. So each change is told once, by
the command that made it, or, if that was killed, by the next one or by the worker. Repositories without the
file, which `gitstore automation check` creates, pay for one look at the directory.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gitstore.disk.afterwards import only_warn
from gitstore.events.differences import PLAIN, Observation, RefReader, describe_changes, list_events
from gitstore.git.repository import Repository
from gitstore.models.model import Model
from gitstore.outbox.append import append
from gitstore.outbox.observed import read_refs, update_refs
from gitstore.outbox.tables import STATEMENTS

if TYPE_CHECKING:
    from sqlite3 import Connection

    from gitstore.outbox.events import ModelEvent

FILE = "outbox.sqlite"
SPACES = ("refs/tags/", "refs/states/", "refs/heads/", "refs/records/", "refs/aliases/")
"""The refs that events tell of."""

MICROSECONDS = 1_000_000


def find_file(repository: Repository) -> Path:
    """Return where the outbox of a repository is, or would be."""
    return repository.private / FILE


def is_kept(repository: Repository) -> bool:
    """Whether the repository has an outbox."""
    return find_file(repository).is_file()


def read_clock() -> int:
    """Return the time in microseconds."""
    return time.time_ns() // 1000


def create(repository: Repository) -> None:
    """Create the outbox if there is none: from now on, events are recorded. Raises like `opened`."""
    with opened(repository):
        pass


@contextmanager
def opened(repository: Repository) -> Iterator[Connection]:
    """Open the outbox, and create it if there is none. Refs that exist then are no news.

    Raises `GitstoreError` if it cannot be opened, and `Corrupt` if a ref cannot be read.
    """
    from contextlib import closing

    from gitstore.disk import sqlite

    is_new = not is_kept(repository)
    repository.private.mkdir(exist_ok=True)
    with closing(
        sqlite.open_database(find_file(repository), [STATEMENTS, [_CREATED], STATEMENTS])
    ) as connection:
        if is_new:
            _begin(connection, repository)
        yield connection


_CREATED = "CREATE TABLE IF NOT EXISTS outbox_begun (begun INTEGER PRIMARY KEY) STRICT"


def observe(repository: Repository, *, user: str | None = None) -> None:
    """Append the events of what has changed since the last call, if the repository has an outbox.

    A failure is a warning: the next call tells of the same changes.
    """
    if is_kept(repository):
        with only_warn("the events of this command are not recorded yet"), opened(repository) as connection:
            append_changes(connection, repository, now=read_clock(), user=user)


def append_changes(
    connection: Connection, repository: Repository, *, now: int, user: str | None = None
) -> list[ModelEvent]:
    """Append the events of all changes that no event has told of. Atomic; the refs are read under its lock.

    Raises `Corrupt` if a ref cannot be read: it might be taken for removed.
    """
    from gitstore.disk import sqlite

    with sqlite.transaction(connection):
        if connection.execute("SELECT count(*) FROM outbox_begun").fetchone()[0] == 0:
            return _note_all(connection, repository)
        refs = _list_refs(repository)
        told = read_refs(connection)
        if refs == {ref: oid.removeprefix(PLAIN) for ref, oid in told.items()}:
            return []
        reader = RefReader(repository)
        seen = Observation(_find_name(repository), told, refs, time=now, user=user)
        events = list(list_events(seen, reader))
        for event in events:
            append(connection, event)
        update_refs(connection, describe_changes(seen, reader))
    return events


def _begin(connection: Connection, repository: Repository) -> None:
    from gitstore.disk import sqlite

    with sqlite.transaction(connection):
        if connection.execute("SELECT count(*) FROM outbox_begun").fetchone()[0] == 0:
            _note_all(connection, repository)


def _note_all(connection: Connection, repository: Repository) -> list[ModelEvent]:
    """Note all refs as known: events begin now."""
    reader = RefReader(repository)
    update_refs(connection, {ref: reader.describe(ref, oid) for ref, oid in _list_refs(repository).items()})
    connection.execute("INSERT INTO outbox_begun VALUES (1)")
    return []


def _list_refs(repository: Repository) -> dict[str, str]:
    """Return the refs that events tell of. A branch moves with each commit: only whether it exists counts."""
    return {
        ref: _BRANCH if ref.startswith("refs/heads/") else str(oid)
        for ref, oid in _below(repository.refs.all())
    }


_BRANCH = "branch"


def _below(refs: Iterable[tuple[str, object]]) -> Iterator[tuple[str, object]]:
    return ((ref, oid) for ref, oid in refs if ref.startswith(SPACES))


def _find_name(repository: Repository) -> str:
    """Return the name of the root model, for the events."""
    return Model.identify(repository.directory).find_root_name()
