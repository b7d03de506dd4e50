"""SQLite files: one way to open them, to change them, and to say what is wrong with them.

All files are in WAL mode with `synchronous=FULL`: a transaction that was committed survives a power cut, and
readers never wait. `PRAGMA user_version` counts the migrations that a file has seen. Loaded only where it is
needed, because sqlite3 takes time to import.
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from gitstore.disk.atomic import sync_directory
from gitstore.errors import Corrupt, GitstoreError, Locked

__all__ = ["Migration", "open_database", "reading", "transaction"]

Migration = Sequence[str]
"""The SQL statements that bring a file from one version to the next."""

WAIT = 60.0
"""Seconds that a process waits for another one's transaction."""

_MALFORMED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def open_database(path: Path, migrations: Sequence[Migration], *, wait: float = WAIT) -> sqlite3.Connection:
    """Open a file, create it if it does not exist, and apply the migrations that it has not seen.

    Only its owner may read and write a new file; also the group, if it may write the directory. Raises
    `Corrupt` if the file is damaged or no SQLite file, `Locked` if another process keeps it for `wait`
    seconds, and `GitstoreError` if a newer gitstore wrote it or the system refuses.
    """
    with _explained(path):
        is_new = _create(path)
        connection = sqlite3.connect(path, timeout=wait, isolation_level=None)
        try:
            _configure(connection, wait=wait)
            _migrate(connection, migrations, path=path)
        except BaseException:
            connection.close()
            raise
    if is_new:
        sync_directory(path.parent)
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All changes of the block, durable at its end, or none of them: `BEGIN IMMEDIATE`.

    Inside of another transaction, the block becomes a part of that one; if it raises, its own changes are
    undone. Raises `Locked`, `Corrupt` or `GitstoreError` as `open_database` does.
    """
    if is_open(connection):
        with _savepoint(connection):
            yield
        return
    with _explained(file_of(connection)):
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            connection.execute("COMMIT")
        except BaseException:
            if is_open(connection):  # SQLite itself rolls back when the disk is full
                connection.execute("ROLLBACK")
            raise


@contextmanager
def _savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("SAVEPOINT inner")
    try:
        yield
    except BaseException:
        if is_open(connection):
            connection.execute("ROLLBACK TO inner")
            connection.execute("RELEASE inner")
        raise
    connection.execute("RELEASE inner")


@contextmanager
def reading(connection: sqlite3.Connection) -> Iterator[None]:
    """All queries of the block see the file as it was at the first of them. Raises as `transaction` does."""
    if is_open(connection):
        yield
        return
    with _explained(file_of(connection)):
        connection.execute("BEGIN")
        try:
            yield
        finally:
            if is_open(connection):
                connection.execute("ROLLBACK")


def is_open(connection: sqlite3.Connection) -> bool:
    """Whether a transaction of this connection is open. (mypy takes the attribute for a constant.)"""
    return connection.in_transaction


def file_of(connection: sqlite3.Connection) -> Path:
    """Return the file of a connection."""
    return Path(connection.execute("PRAGMA database_list").fetchone()[2])


def _create(path: Path) -> bool:
    """Create an empty file with its permissions; SQLite gives those to the files beside it as well."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    try:
        if path.parent.stat().st_mode & 0o020:  # a store that a group shares
            os.fchmod(descriptor, 0o660)
    finally:
        os.close(descriptor)
    return True


def _configure(connection: sqlite3.Connection, *, wait: float) -> None:
    deadline = time.monotonic() + wait
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            # While another process changes the mode of a new file, SQLite does not wait by itself.
            if error.sqlite_errorcode & 0xFF not in _BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")


def _migrate(connection: sqlite3.Connection, migrations: Sequence[Migration], *, path: Path) -> None:
    if _version(connection) == len(migrations):
        return
    with transaction(connection):
        version = _version(connection)
        if version > len(migrations):
            raise GitstoreError(
                f"{path} has version {version}, and this gitstore knows {len(migrations)}",
                "use the gitstore that wrote it, or a newer one",
            )
        for migration in migrations[version:]:
            for statement in migration:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {len(migrations)}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Raise errors of SQLite as errors of ours, which name the file."""
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if primary in _MALFORMED:
            raise Corrupt(f"{path} is damaged: {error}", "restore it from a backup") from error
        if code is None and "decode to UTF-8" in str(error):
            raise Corrupt(f"{path} has text that is no UTF-8: {error}", "restore it from a backup") from error
        if primary in _BUSY:
            raise Locked(f"another process keeps {path} locked", "try again") from error
        if primary in {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN} or (
            primary == sqlite3.SQLITE_IOERR
        ):
            raise GitstoreError(f"{path} cannot be used: {error}") from error
        raise
