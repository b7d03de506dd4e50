"""The tables of the ledger. docs/store.md describes those that others may read: `ledger_rows`.

An *admission* is a ref that got a value. `rank` orders admissions: the oldest is charged. What a push has
reserved is admitted as well, with a rank beyond `PENDING`, so that nobody else's deletion frees it. Its
`event` is that of a recorded evaluation whose snapshot is not there yet, `event_row` the record's row.

`ledger_objects` has the objects of each model that a ref holds: the bytes of each are frozen, `admission` is
charged for it, and `payer` is the model that pays instead, if this one was derived from it. `since` is a
lower bound of the ranks of all admissions that ever hold it; it grows with `id`. `children` are ids, 4 bytes
each, little-endian. `ledger_edges` has the same the other way round, to find the next holder.

A part may belong to the trees of thousands of snapshots. If its edges lay together, a tree of thousands of
parts would write to as many pages. So edges are divided into buckets by age: new ones are in the last one,
which is small. `bucket` is that of the edges from an object to its children; its edges from parents are in
buckets from `first` to `last`.

`ledger_evaluations` has the rows of records of evaluations, each with the commit of the record's files.
"""

from __future__ import annotations

from gitstore.disk.sqlite import Migration
from gitstore.outbox import tables

PENDING = 2**48
"""Added to the rank of what is reserved and not settled: it is younger than all that is settled."""

MIGRATIONS: tuple[Migration, ...] = (
    (
        """CREATE TABLE ledger_models (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            owner TEXT NOT NULL,
            name TEXT NOT NULL,
            base INTEGER REFERENCES ledger_models (id),
            created INTEGER NOT NULL,
            deleted INTEGER,
            objects INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0,
            reserved INTEGER NOT NULL DEFAULT 0
        ) STRICT""",
        "CREATE UNIQUE INDEX ledger_model_names ON ledger_models (owner, name) WHERE deleted IS NULL",
        """CREATE TABLE ledger_tickets (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            next INTEGER NOT NULL
        ) STRICT""",
        "INSERT INTO ledger_tickets VALUES (1, 1)",
        """CREATE TABLE ledger_admissions (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            model INTEGER NOT NULL REFERENCES ledger_models (id),
            ref TEXT NOT NULL,
            target BLOB NOT NULL,
            tag BLOB,
            rank INTEGER NOT NULL UNIQUE,
            objects INTEGER NOT NULL DEFAULT 0,
            bytes INTEGER NOT NULL DEFAULT 0
        ) STRICT""",
        "CREATE INDEX ledger_admission_refs ON ledger_admissions (model, ref, rank)",
        "CREATE INDEX ledger_admission_ranks ON ledger_admissions (model, rank)",
        "CREATE INDEX ledger_admission_targets ON ledger_admissions (model, target)",
        """CREATE TABLE ledger_reservations (
            transaction_id TEXT PRIMARY KEY,
            model INTEGER NOT NULL REFERENCES ledger_models (id),
            kind TEXT NOT NULL CHECK (kind IN ('admitted', 'derived')),
            pid INTEGER NOT NULL,
            started INTEGER NOT NULL,
            boot TEXT NOT NULL,
            time INTEGER NOT NULL,
            quotas TEXT NOT NULL,
            event TEXT
        ) STRICT""",
        "CREATE INDEX ledger_reservation_models ON ledger_reservations (model)",
        """CREATE TABLE ledger_changes (
            transaction_id TEXT NOT NULL REFERENCES ledger_reservations (transaction_id),
            model INTEGER NOT NULL,
            ref TEXT NOT NULL,
            old BLOB,
            new BLOB,
            admission INTEGER REFERENCES ledger_admissions (id),
            event TEXT,
            PRIMARY KEY (transaction_id, ref)
        ) STRICT, WITHOUT ROWID""",
        "CREATE INDEX ledger_change_refs ON ledger_changes (model, ref)",
        "CREATE INDEX ledger_change_admissions ON ledger_changes (admission)",
        """CREATE TABLE ledger_objects (
            id INTEGER PRIMARY KEY,
            model INTEGER NOT NULL REFERENCES ledger_models (id),
            oid BLOB NOT NULL,
            kind INTEGER NOT NULL,
            size INTEGER NOT NULL,
            admission INTEGER NOT NULL REFERENCES ledger_admissions (id),
            payer INTEGER,
            since INTEGER NOT NULL,
            children BLOB,
            bucket INTEGER,
            first INTEGER NOT NULL,
            last INTEGER NOT NULL,
            UNIQUE (model, oid)
        ) STRICT""",
        "CREATE INDEX ledger_object_admissions ON ledger_objects (admission)",
        "CREATE INDEX ledger_object_payers ON ledger_objects (payer, oid) WHERE payer IS NOT NULL",
        """CREATE TABLE ledger_buckets (
            id INTEGER PRIMARY KEY,
            edges INTEGER NOT NULL
        ) STRICT""",
        "INSERT INTO ledger_buckets VALUES (1, 0)",
        """CREATE TABLE ledger_edges (
            bucket INTEGER NOT NULL,
            child INTEGER NOT NULL,
            parent INTEGER NOT NULL,
            PRIMARY KEY (bucket, child, parent)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE ledger_rows (
            number INTEGER PRIMARY KEY,
            time INTEGER NOT NULL,
            owner TEXT NOT NULL,
            model TEXT NOT NULL,
            ref TEXT NOT NULL,
            snapshot TEXT,
            kind TEXT NOT NULL CHECK (kind IN ('admitted', 'derived', 'inherited', 'deleted')),
            objects INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            transaction_id TEXT NOT NULL,
            hash BLOB NOT NULL CHECK (length(hash) = 32)
        ) STRICT""",
        "CREATE INDEX ledger_row_models ON ledger_rows (owner, model, number)",
        "CREATE INDEX ledger_row_times ON ledger_rows (time)",
        """CREATE TRIGGER ledger_rows_never_change BEFORE UPDATE ON ledger_rows
            BEGIN SELECT raise(ABORT, 'the rows of the ledger never change'); END""",
        """CREATE TRIGGER ledger_rows_stay BEFORE DELETE ON ledger_rows
            BEGIN SELECT raise(ABORT, 'the rows of the ledger are never deleted'); END""",
        """CREATE TRIGGER ledger_rows_are_appended BEFORE INSERT ON ledger_rows
            WHEN NEW.number != (SELECT coalesce(max(number), 0) + 1 FROM ledger_rows)
            BEGIN SELECT raise(ABORT, 'the rows of the ledger are appended'); END""",
        *tables.STATEMENTS,
    ),
    tables.STATEMENTS,  # again: there is a new table among them
    (
        """CREATE TABLE ledger_evaluations (
            row INTEGER PRIMARY KEY,
            model INTEGER NOT NULL REFERENCES ledger_models (id),
            target BLOB NOT NULL
        ) STRICT""",
        "CREATE INDEX ledger_evaluation_targets ON ledger_evaluations (model, target)",
    ),
    (
        # They were only counted up.
        """UPDATE ledger_buckets SET edges =
            (SELECT count(*) FROM ledger_edges WHERE bucket = ledger_buckets.id)""",
        "ALTER TABLE ledger_admissions ADD COLUMN event TEXT",
        "ALTER TABLE ledger_admissions ADD COLUMN event_row INTEGER",
    ),
)
