"""Each value of each table of the ledger: if somebody changes it, the audit finds something.

One store is made in which all has happened that has rows. Each test changes it in a transaction that is
rolled back. What no audit can prove, or what changes nothing, stands in `UNPROVEN` with the reason.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from gitstore.disk.processes import identify
from gitstore.ledger.tables.schema import MIGRATIONS
from gitstore.ledger.values import Admission, Quota, Quotas
from gitstore.outbox import deliveries
from gitstore.outbox.events import ModelDeleted, ModelDerived
from gitstore.packs.oid import Oid
from gitstore.store.audit import audit
from gitstore.store.receive.stored import collect_stored
from gitstore.store.store import StoreModel
from tests.support import combinations
from tests.support.small_store import SmallStore

MODEL = "ada/digits"
NOW = deliveries.KEEP + 100

WORKER = "what a worker did, or will do, with an event that is proven"
LIVING = "what a living push says of itself; if it is wrong, the push is settled by what its refs are"
UNPROVEN = {
    "ledger_reservations.pid": LIVING,
    "ledger_reservations.started": LIVING,
    "ledger_reservations.boot": LIVING,
    "ledger_reservations.time": LIVING,
    "ledger_reservations.quotas": LIVING,
    "ledger_changes.old": LIVING,
    "outbox_events.id": "it is random",
    "outbox_events.number": "only an order",
    "outbox_events.selected": WORKER,
    "outbox_deliveries.*": WORKER,
    "outbox_attempts.*": WORKER,
    "outbox_refs.*": "a store does not use it",
}
"""Columns, and why nobody can tell that a value is wrong."""

CHANGES = {
    # Bounds: only a value beyond what they bound is wrong.
    "ledger_objects.since": ["1000"],
    "ledger_objects.first": ["last + 1"],
    "ledger_objects.last": ["first - 1"],
    "ledger_admissions.rank": ["rank + 1000", "0", "NULL"],
    "ledger_tickets.next": ["1"],
    "ledger_models.base": ["5 - base", "NULL", "id"],
    "ledger_models.created": ["created - 1", "created + 1000"],
    "outbox_pruned.before": ["1000"],
}
"""The values that are tried, as SQL, where they are not those of `VALUES`."""

VALUES = {
    "INTEGER": ["{0} + 1000", "{0} - 1", "NULL"],
    "TEXT": ["{0} || 'x'", "NULL"],
    "BLOB": ["CAST(zeroblob(length({0})) AS BLOB)", "NULL"],
}
"""The values that are tried in each column of a type."""
ABSENT = {"INTEGER": "1", "TEXT": "'x'", "BLOB": "x'01000000'"}
"""What is put where there is nothing."""

RESERVED = "SELECT admission FROM ledger_changes WHERE admission IS NOT NULL"
ROWS = {
    "ledger_changes.ref": "new IS NOT NULL",  # else it is LIVING, too
    "ledger_models.created": "created >= 5",  # else the event is pruned, and nothing says it again
    "ledger_models.base": "id > 1",  # the same
    "ledger_objects.kind": f"admission NOT IN ({RESERVED})",  # else it is not in the repository yet
    "ledger_objects.oid": f"admission NOT IN ({RESERVED})",  # the same
    # Numbers by which nothing is found.
    "ledger_objects.id": "children IS NOT NULL OR id IN (SELECT child FROM ledger_edges)",
    "ledger_models.id": "deleted IS NULL",
    "ledger_admissions.id": f"id IN (SELECT admission FROM ledger_objects UNION {RESERVED})",
    # The oldest may be older.
    "ledger_admissions.rank": "EXISTS (SELECT 1 FROM ledger_admissions AS older"
    " WHERE older.model = ledger_admissions.model AND older.rank < ledger_admissions.rank)",
    "ledger_objects.bucket": "children IS NOT NULL",
    "ledger_objects.first": "id IN (SELECT child FROM ledger_edges)",
    "ledger_objects.last": "id IN (SELECT child FROM ledger_edges)",
}
"""The rows in which a column has a meaning."""


def list_columns() -> dict[str, str]:
    """TABLE.COLUMN with the column's type."""
    with closing(sqlite3.connect(":memory:")) as fresh:
        for statement in (statement for migration in MIGRATIONS for statement in migration):
            fresh.execute(statement)
        rows = fresh.execute(
            "SELECT t.name || '.' || c.name, c.type FROM sqlite_schema AS t, pragma_table_info(t.name) AS c"
            " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%' ORDER BY t.name, c.cid"
        )
        return dict(rows.fetchall())


COLUMNS = list_columns()
PROVEN = [column for column in COLUMNS if not {column, f"{column.partition('.')[0]}.*"} & UNPROVEN.keys()]
TABLES = sorted({column.partition(".")[0] for column in COLUMNS})


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallStore]:
    """A store whose tables have rows of all kinds."""
    store = SmallStore(tmp_path_factory.mktemp("tables") / "store")
    store.reconcile()
    first = store.commit("one")
    second = store.commit("two", first)
    tag = store.tag("v1", first)
    steps: list[dict[str, Oid | None]] = [
        {"refs/heads/main": first, f"refs/records/{tag}/early": store.commit("files")},
        {"refs/tags/v1": tag, "refs/heads/main": second, "refs/states/s": store.commit("state")},
        {"refs/heads/main": store.commit("three", second), "refs/states/s": store.commit("again")},
        {"refs/aliases/production": store.commit("move"), f"refs/records/{first}/t": second},
        {"refs/tags/v2": store.tag("v2", second), "refs/heads/side": store.commit("side", first)},
        {"refs/tags/v2": None, "refs/heads/side": first},
    ]
    for now, refs in enumerate(steps, start=10):
        for ref, new in refs.items():
            store.move(ref, new)
        store.reconcile(now=now)
    for number, name in enumerate(("eve/gone", "eve/fine", "eve/finer")):
        derive(store, name, base=MODEL if number < 2 else "eve/fine", now=20 + number)
    shutil.rmtree(store.store.root / "eve/gone.git")
    gone = ModelDeleted(time=0, owner="eve", model="gone")
    store.ledger.delete_model("eve/gone", transaction="rm", now=30, event=gone)
    reserve(store, second)
    queue(store)
    assert problems(store) == []
    connection = store.ledger.connection
    connection.execute("PRAGMA foreign_keys = OFF")
    yield store
    store.ledger.close()


def derive(store: SmallStore, name: str, *, base: str, now: int) -> None:
    """A model with a commit of its own on a branch, in a repository of its own; that is beyond its quota."""
    owner, _, model = name.partition("/")
    directory = store.store.root / f"{name}.git"
    shutil.copytree(store.store.root / f"{base}.git", directory)
    copy = SmallStore.__new__(SmallStore)
    copy.store, copy.ledger, copy.model = store.store, store.ledger, StoreModel(owner, model, directory)
    main = copy.commit(f"first of {name}", store.ledger.refs(base)["refs/heads/main"])
    for ref in copy.git("for-each-ref", "--format=%(refname)").splitlines():
        copy.move(ref, None)
    copy.move("refs/heads/main", main)
    objects = collect_stored(copy.model.repository.objects, [main], lambda _: ())
    store.ledger.derive(
        name, [Admission(ref="refs/heads/main", new=main, objects=objects)], base=base,
        transaction=f"derive {name}", process=identify(os.getpid()), now=now,
        quotas=Quotas(owner=Quota(soft=1)),
        event=ModelDerived(time=0, owner=owner, model=model, base=f"{base}@v1"),
    )  # fmt: skip
    store.ledger.settle(f"derive {name}", {"refs/heads/main": main}, now=now)


def reserve(store: SmallStore, parent: Oid) -> None:
    """What a living push has reserved: a new state, and a snapshot that it deletes."""
    refs: dict[str, Oid | None] = {"refs/states/new": store.commit("new", parent), "refs/heads/side": None}
    store.reserve("living", refs, identify(os.getpid()))


def queue(store: SmallStore) -> None:
    """Deliveries in all conditions; the oldest event is pruned."""
    connection = store.ledger.connection
    with store.ledger.transaction():
        deliveries.select(connection, lambda event: ["hook"] if event.time > 15 else [], now=40)
        claimed = deliveries.claim(connection, now=41, lease=9)
        assert claimed is not None
        deliveries.finish(connection, claimed, "delivered", detail="", now=42)
        deliveries.claim(connection, now=43, lease=9)
        deliveries.prune(connection, before=5)


def problems(store: SmallStore) -> list[str]:
    return audit(store.store, store.ledger, now=NOW).problems


@contextmanager
def undone(store: SmallStore) -> Iterator[sqlite3.Connection]:
    """What the block changes is as before at its end."""
    connection = store.ledger.connection
    connection.execute("BEGIN")
    for (trigger,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
        connection.execute(f"DROP TRIGGER {trigger}")
    try:
        yield connection
    finally:
        connection.execute("ROLLBACK")


def is_found(store: SmallStore) -> bool:
    """Whether the audit finds more than that there are no triggers."""
    return any("lacks the trigger" not in problem for problem in problems(store))


def change_each(store: SmallStore, column: str, *, most: int) -> list[str]:
    """Change a column in up to so many rows, and return the changes that the audit does not find."""
    table, _, name = column.partition(".")
    connection = store.ledger.connection
    key = [
        row[0]
        for row in connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk ORDER BY pk", (table,))
    ] or ["rowid"]
    condition = " AND ".join(f"{part} = ?" for part in key)
    keys = connection.execute(
        f"SELECT {', '.join(key)}, {name} IS NULL FROM {table} WHERE {ROWS.get(column, '1')}"
    ).fetchall()
    assert keys, f"the scene has no row of {table}"
    missed = []
    tried = 0
    for *row, is_null in keys[:: max(1, len(keys) // most)]:
        values = CHANGES.get(column, VALUES[COLUMNS[column]])
        for value in [ABSENT[COLUMNS[column]]] if is_null else [text.format(name) for text in values]:
            with undone(store):
                connection.execute("PRAGMA ignore_check_constraints = ON")
                try:
                    changed = connection.execute(
                        f"UPDATE {table} SET {name} = {value} WHERE {condition} AND {name} IS NOT {value}",
                        row,
                    ).rowcount
                except sqlite3.IntegrityError:
                    continue
                finally:
                    connection.execute("PRAGMA ignore_check_constraints = OFF")
                tried += changed
                if changed and not is_found(store):
                    missed.append(f"{column} = {value} where {dict(zip(key, row, strict=True))}")
    assert tried
    return missed


@pytest.mark.parametrize("column", PROVEN)
def test_a_value_that_is_changed_is_found(scene: SmallStore, column: str) -> None:
    assert change_each(scene, column, most=1) == []


@combinations.rest
@pytest.mark.parametrize("column", PROVEN)
def test_each_value_that_is_changed_is_found(scene: SmallStore, column: str) -> None:
    assert change_each(scene, column, most=1000) == []


def test_what_is_not_proven_is_a_column_of_ours() -> None:
    names = {*COLUMNS, *(f"{table}.*" for table in TABLES)}
    assert UNPROVEN.keys() | CHANGES.keys() | ROWS.keys() <= names


GONE = {
    "ledger_changes": f"admission IN ({RESERVED})",  # LIVING
    "outbox_deliveries": "0",  # WORKER
    "outbox_attempts": "0",
    "outbox_events": "type != 'quota.warning'",  # two limits can be crossed at once
    "outbox_pruned": "0",  # then events are missed that were pruned
    "outbox_refs": "0",
}
"""The rows of a table that are missed."""


def list_missed(store: SmallStore, table: str, *, most: int) -> list[str]:
    """Delete each of up to so many rows of a table, and return those that the audit does not miss."""
    connection = store.ledger.connection
    columns = [row[0] for row in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))]
    rows = connection.execute(f"SELECT * FROM {table} WHERE {GONE.get(table, '1')}").fetchall()
    assert rows or GONE[table] == "0"
    missed = []
    for row in rows[:: max(1, len(rows) // most)]:
        with undone(store):
            condition = " AND ".join(f"{column} IS ?" for column in columns)
            deleted = connection.execute(f"DELETE FROM {table} WHERE {condition}", row).rowcount
            assert deleted == 1
            if not is_found(store):
                missed.append(f"{table} {row}")
    return missed


@pytest.mark.parametrize("table", TABLES)
def test_a_row_that_is_gone_is_missed(scene: SmallStore, table: str) -> None:
    assert list_missed(scene, table, most=2) == []


@combinations.rest
@pytest.mark.parametrize("table", TABLES)
def test_each_row_that_is_gone_is_missed(scene: SmallStore, table: str) -> None:
    assert list_missed(scene, table, most=1000) == []


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            "INSERT INTO ledger_edges SELECT bucket, parent, child FROM ledger_edges LIMIT 1",
            "has an edge to ada/digits object",
        ),
        ("INSERT INTO ledger_edges VALUES (7, 1, 2)", "has an edge to ada/digits object"),
        ("INSERT INTO ledger_buckets VALUES (9, 0)", "bucket 2 of the ledger's edges is missing"),
        (
            "INSERT INTO ledger_models (owner, name, created) VALUES ('eve', 'new', 30)",
            "eve/new is in the ledger, and its repository is gone",
        ),
        (
            "INSERT INTO ledger_models (owner, name, created, deleted) VALUES ('eve', 'new', 30, 31)",
            "eve/new has no event model.created",
        ),
        (
            "INSERT INTO ledger_admissions (model, ref, target, rank)"
            " SELECT model, ref, target, 0 FROM ledger_admissions WHERE ref = 'refs/heads/main' LIMIT 1",
            "ada/digits refs/heads/main has 4 values, and its rows say 3",
        ),
        (
            "INSERT INTO ledger_admissions (model, ref, target, rank) SELECT id, 'refs/heads/x', x'00', 0"
            " FROM ledger_models WHERE deleted IS NOT NULL",
            "eve/gone is deleted, and still has rows in the ledger",
        ),
        (
            "INSERT INTO ledger_objects SELECT 999, model, zeroblob(20), kind, 0, admission, NULL, 1, NULL,"
            " bucket, first, last FROM ledger_objects LIMIT 1",
            "ada/digits object 0000000000000000000000000000000000000000 is charged to",
        ),
        ("INSERT INTO ledger_changes VALUES ('x', 1, 'refs/heads/y', NULL, NULL, NULL, NULL)", "push x of"),
        ("CREATE TABLE mine (x)", "the ledger has a table mine that gitstore did not make"),
        ("DROP INDEX ledger_object_admissions", "the ledger lacks the index ledger_object_admissions"),
        (
            "UPDATE ledger_admissions SET rank = (SELECT sum(rank) FROM ledger_admissions WHERE ref IN"
            " ('refs/aliases/production', 'refs/heads/x')) + 1000 WHERE ref = 'refs/heads/side'",
            "the next ticket of the ledger is",
        ),
        (
            "UPDATE ledger_objects SET payer = (SELECT id FROM ledger_models WHERE name = 'gone')"
            " WHERE payer IS NOT NULL",
            "is paid by nobody",
        ),
        (
            "UPDATE ledger_models SET base = NULL WHERE name = 'fine'",
            "eve/fine links objects of model number 1, which it does not come from",
        ),
    ],
)
def test_what_should_not_be_there_is_named(scene: SmallStore, statement: str, problem: str) -> None:
    with undone(scene) as connection:
        connection.execute(statement)
        assert [text for text in problems(scene) if problem in text]


def test_two_refs_that_were_admitted_the_other_way_round(scene: SmallStore) -> None:
    """Neither is charged for anything, so nothing but the rows says which was first."""
    with undone(scene) as connection:
        connection.execute("DELETE FROM ledger_changes")
        ranks = dict(
            connection.execute(
                "SELECT id, rank FROM ledger_admissions WHERE objects = 0 AND model = 1 ORDER BY rank LIMIT 2"
            )
        )
        (one, first), (other, second) = ranks.items()
        for key, rank in ((one, -1), (other, first), (one, second)):
            connection.execute("UPDATE ledger_admissions SET rank = ? WHERE id = ?", (rank, key))
        assert [text for text in problems(scene) if "of the ledger says the opposite" in text]


def test_a_value_that_does_not_contain_the_one_before(scene: SmallStore) -> None:
    """What a branch is charged for went with it, if it was forced; if that is not so, nobody frees it."""
    with undone(scene) as connection:
        connection.execute(
            "UPDATE ledger_admissions SET target = (SELECT target FROM ledger_admissions"
            " WHERE ref = 'refs/states/s') WHERE id = (SELECT min(id) FROM ledger_admissions"
            " WHERE ref = 'refs/heads/main')"
        )
        assert [text for text in problems(scene) if "does not contain" in text]
