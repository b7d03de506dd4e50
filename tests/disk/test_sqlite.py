"""SQLite files: durable, guarded, and explained when something is wrong with them."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from gitstore.disk.sqlite import open_database, reading, transaction
from gitstore.errors import Corrupt, GitstoreError, Locked
from tests.support.processes import run_forked

FIRST = ("CREATE TABLE words (word TEXT NOT NULL) STRICT",)
SECOND = ("CREATE TABLE more (word TEXT) STRICT", "INSERT INTO words VALUES ('second')")


def words(connection: sqlite3.Connection) -> list[str]:
    return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY rowid")]


def test_a_file_is_durable_private_and_in_wal_mode(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    connection = open_database(path, [FIRST])
    pragmas = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in
               ("journal_mode", "synchronous", "foreign_keys", "user_version")}  # fmt: skip
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "user_version": 1}
    assert path.stat().st_mode & 0o777 == 0o600
    connection.close()


def test_a_group_that_shares_the_directory_may_write(tmp_path: Path) -> None:
    tmp_path.chmod(0o770)
    open_database(tmp_path / "file.sqlite", [FIRST]).close()
    assert (tmp_path / "file.sqlite").stat().st_mode & 0o777 == 0o660


def test_migrations_are_applied_once_and_in_order(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    open_database(path, [FIRST]).close()
    for _ in range(2):
        connection = open_database(path, [FIRST, SECOND])
        assert words(connection) == ["second"]
        connection.close()
    with pytest.raises(GitstoreError, match=f"{path} has version 2, and this gitstore knows 1"):
        open_database(path, [FIRST])


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    with pytest.raises(sqlite3.OperationalError):
        open_database(path, [(*FIRST, "NOT SQL")])
    connection = open_database(path, [FIRST])
    assert words(connection) == []
    connection.close()


def test_a_transaction_is_all_or_nothing(tmp_path: Path) -> None:
    connection = open_database(tmp_path / "file.sqlite", [FIRST])
    with pytest.raises(KeyError), transaction(connection):
        connection.execute("INSERT INTO words VALUES ('a')")
        raise KeyError
    assert words(connection) == []
    with transaction(connection):
        connection.execute("INSERT INTO words VALUES ('outer')")
        with pytest.raises(KeyError), transaction(connection):
            connection.execute("INSERT INTO words VALUES ('inner')")
            raise KeyError
        with transaction(connection):
            connection.execute("INSERT INTO words VALUES ('second')")
    assert words(connection) == ["outer", "second"]
    connection.close()


def test_readers_see_one_state(tmp_path: Path) -> None:
    first = open_database(tmp_path / "file.sqlite", [FIRST])
    second = open_database(tmp_path / "file.sqlite", [FIRST])
    with reading(first):
        assert words(first) == []
        with transaction(second):
            second.execute("INSERT INTO words VALUES ('a')")
        assert words(first) == []
    assert words(first) == ["a"]
    first.close()
    second.close()


def test_a_file_that_another_process_keeps(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    holder = open_database(path, [FIRST])
    other = open_database(path, [FIRST], wait=0.05)
    with transaction(holder):
        holder.execute("INSERT INTO words VALUES ('a')")
        with pytest.raises(Locked, match=f"another process keeps {path} locked"), transaction(other):
            pass
    holder.close()
    other.close()


@pytest.mark.parametrize(
    "content", [b"not a database at all, but long enough" * 40, b"SQLite format 3\0" * 300]
)
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file.sqlite"
    path.write_bytes(content)
    with pytest.raises(Corrupt, match=f"{path} is damaged") as caught:
        open_database(path, [FIRST])
    assert caught.value.hint == "restore it from a backup"
    assert path.read_bytes() == content


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        open_database(tmp_path / "missing" / "file.sqlite", [FIRST])


def test_many_processes_create_the_same_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                connection = open_database(path, [FIRST, SECOND])
                code = 0 if words(connection) == ["second"] else 2
                connection.close()
            finally:
                os._exit(code)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 6


def test_a_kill_in_a_transaction_leaves_the_file_as_before(tmp_path: Path) -> None:
    path = tmp_path / "file.sqlite"
    open_database(path, [FIRST]).close()

    def write() -> None:
        connection = open_database(path, [FIRST])
        with transaction(connection):
            connection.executemany("INSERT INTO words VALUES (?)", [("word " * 1000,)] * 2000)
            os._exit(9)

    assert run_forked(write) == 9
    connection = open_database(path, [FIRST])
    assert words(connection) == []
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
