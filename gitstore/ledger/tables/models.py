"""Models and their counters, as rows of the ledger's file."""

from __future__ import annotations

from sqlite3 import Connection
from typing import NamedTuple

from gitstore.errors import Corrupt, GitstoreError
from gitstore.ledger.values import Balance


class NotInLedger(GitstoreError):
    """The ledger has no model of this name."""

    def __init__(self, model: str) -> None:
        super().__init__(f"the ledger has no model {model}", "run gitstore store audit, which finds out why")


class LedgerModel(NamedTuple):
    """A model that exists, with its number in the ledger."""

    id: int
    owner: str
    name: str

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.name}"


def find_model(connection: Connection, full_name: str) -> LedgerModel | None:
    """Return a model that exists by its name, "OWNER/MODEL"; `None` if there is none."""
    owner, _, name = full_name.partition("/")
    row = connection.execute(
        "SELECT id FROM ledger_models WHERE owner = ? AND name = ? AND deleted IS NULL", (owner, name)
    ).fetchone()
    return None if row is None else LedgerModel(row[0], owner, name)


def get_model(connection: Connection, full_name: str) -> LedgerModel:
    """Return a model that exists. Raises `NotInLedger`."""
    model = find_model(connection, full_name)
    if model is None:
        raise NotInLedger(full_name)
    return model


def model_by_id(connection: Connection, model: int) -> LedgerModel:
    """Return the model with a number, deleted or not. Raises `Corrupt` if there never was one."""
    row = connection.execute("SELECT owner, name FROM ledger_models WHERE id = ?", (model,)).fetchone()
    if row is None:
        raise Corrupt(f"the ledger has no model number {model}", "run gitstore store audit")
    return LedgerModel(model, *row)


def add_model(
    connection: Connection, full_name: str, *, now: int, base: LedgerModel | None = None
) -> LedgerModel:
    """Record a new model."""
    owner, _, name = full_name.partition("/")
    cursor = connection.execute(
        "INSERT INTO ledger_models (owner, name, base, created) VALUES (?, ?, ?, ?)",
        (owner, name, None if base is None else base.id, now),
    )
    return LedgerModel(int(cursor.lastrowid or 0), owner, name)


def note_created(connection: Connection, model: int, *, now: int) -> None:
    """Note that a model that was reserved is in its place."""
    connection.execute("UPDATE ledger_models SET created = ? WHERE id = ?", (now, model))


def list_balances(connection: Connection, owner: str | None = None) -> list[Balance]:
    """Return what each model is charged now, sorted by name."""
    rows = connection.execute(
        "SELECT owner, name, objects, bytes, reserved FROM ledger_models"
        " WHERE deleted IS NULL AND (?1 IS NULL OR owner = ?1) ORDER BY owner, name",
        (owner,),
    )
    return [Balance(*row) for row in rows]


def count(connection: Connection, model: int, *, objects: int, size: int, reserved: int) -> None:
    """Add to a model's counters."""
    connection.execute(
        "UPDATE ledger_models SET objects = objects + ?, bytes = bytes + ?, reserved = reserved + ?"
        " WHERE id = ?",
        (objects, size, reserved, model),
    )


def discard_model(connection: Connection, model: int) -> None:
    """Remove a model that never was in its place, unless something is recorded of it."""
    connection.execute(
        "DELETE FROM ledger_models WHERE id = ?1"
        " AND NOT EXISTS (SELECT 1 FROM ledger_admissions WHERE model = ?1)"
        " AND NOT EXISTS (SELECT 1 FROM ledger_reservations WHERE model = ?1)",
        (model,),
    )


def forget_model(connection: Connection, model: int, *, now: int) -> None:
    """Mark a model as deleted. Its number stays, so that the rows of later ones with its name are not its."""
    connection.execute(
        "UPDATE ledger_models SET deleted = ?, objects = 0, bytes = 0, reserved = 0 WHERE id = ?",
        (now, model),
    )
