"""The ledger of a store: what `ROOT/ledger.sqlite` promises."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

from gitstore.disk import sqlite
from gitstore.disk.processes import ProcessId
from gitstore.ledger import deletion, reservations, settlement
from gitstore.ledger.reservations import Request
from gitstore.ledger.tables import entries, graph, holdings, models, pending
from gitstore.ledger.tables.schema import MIGRATIONS
from gitstore.ledger.values import (
    UNLIMITED,
    Admission,
    Balance,
    Holding,
    LedgerRow,
    Pending,
    Quotas,
    Reservation,
    Settlement,
)
from gitstore.outbox.events import ModelEvent
from gitstore.packs.oid import Oid

NO_EVENTS: Mapping[str, ModelEvent] = MappingProxyType({})


class Ledger:
    """The ledger in one SQLite file. Each method is one transaction: all of it is durable on return, or none.

    `transaction()` makes several of them one. Models are named "OWNER/MODEL". Every method may raise
    `Locked` or `Corrupt`, see `disk.sqlite`.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the ledger, and create it if it does not exist."""
        return cls(sqlite.open_database(path, MIGRATIONS))

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def transaction(self) -> AbstractContextManager[None]:
        """All changes of the block, durable at its end, or none of them."""
        return sqlite.transaction(self.connection)

    def reading(self) -> AbstractContextManager[None]:
        """All queries of the block see the same state."""
        return sqlite.reading(self.connection)

    # Pushes

    def find_live(self, model: str, oids: Collection[Oid]) -> set[Oid]:
        """Return those of some objects that a ref of the model holds, or a living push has reserved."""
        with self.reading():
            number = models.get_model(self.connection, model).id
            return {Oid(oid) for oid in graph.find_ids(self.connection, number, oids=oids)}

    def reserve(
        self,
        model: str,
        admissions: Sequence[Admission],
        *,
        transaction: str,
        process: ProcessId,
        now: int,
        quotas: Quotas = UNLIMITED,
    ) -> Reservation:
        """Reserve what a push will add, before any ref moves. `process` is the git that will move them.

        Raises `QuotaExceeded` if it does not fit, beside what is charged and what others have reserved.
        Raises `NotLive` if an object refers to one that neither the ledger nor the admissions have, because
        its last holder went meanwhile: collect the admissions again.
        """
        request = Request(transaction, process, now, quotas)
        with self.transaction():
            found = models.get_model(self.connection, model)
            return reservations.reserve(self.connection, found, admissions, request=request)

    def settle(self, transaction: str, refs: Mapping[str, Oid | None], *, now: int) -> Settlement:
        """Record the refs that moved, and release the rest of a reservation.

        `refs` has the values that refs got (post-receive), or that they have now; `None` is a deleted ref.
        A ref of the reservation that is not in it, or has another value, did not move. Appends the rows, and
        the events of the refs that moved; `quota.warning` when a quota is crossed. Does nothing if the
        reservation is settled already.
        """
        with self.transaction():
            return settlement.settle(self.connection, transaction, refs, now=now)

    def release(self, transaction: str, *, now: int) -> None:
        """Give up a reservation: no ref moved. Does nothing if there is none.

        A model that was about to be derived is forgotten.
        """
        with self.transaction():
            settlement.release(self.connection, transaction, now=now)

    def pending(self, model: str | None = None) -> list[Pending]:
        """Return the reservations of a model, or of all, that are neither settled nor released."""
        with self.reading():
            return pending.list_pending(self.connection, model)

    # The operator

    def create(self, model: str, *, now: int, event: ModelEvent | None = None) -> None:
        """Record a new, empty model. Does nothing if it is recorded already."""
        with self.reading():
            if models.find_model(self.connection, model) is not None:
                return
        with self.transaction():
            deletion.create(self.connection, model, now=now, event=event)

    def derive(
        self,
        model: str,
        admissions: Sequence[Admission],
        *,
        base: str,
        transaction: str,
        process: ProcessId,
        now: int,
        quotas: Quotas = UNLIMITED,
        event: ModelEvent | None = None,
    ) -> Reservation:
        """Record and reserve a model that is derived from `base`; `settle` follows when it is in its place.

        Objects that the base holds are the base's to pay, as long as it holds them. Raises as `reserve` does.
        """
        request = Request(transaction, process, now, quotas, base=None, event=event)
        with self.transaction():
            request = request._replace(base=models.get_model(self.connection, base))
            derived = models.find_model(self.connection, model)
            if derived is None:
                created = entries.next_time(self.connection, now)
                derived = models.add_model(self.connection, model, now=created, base=request.base)
            return reservations.reserve(self.connection, derived, admissions, request=request)

    def delete(
        self,
        model: str,
        refs: Mapping[str, Oid | None],
        *,
        transaction: str,
        now: int,
        events: Mapping[str, ModelEvent] = NO_EVENTS,
    ) -> Settlement:
        """Record that refs were deleted, after git deleted them. A ref whose value is another one stays.

        `refs` has the values that they had; `None` stands for any. `events` has the event of each, which is
        appended with the bytes that it freed. Does nothing for refs that the ledger does not have, so a
        repetition is harmless.
        """
        with self.transaction():
            return deletion.delete(
                self.connection, model, refs, transaction=transaction, now=now, events=events
            )

    def delete_model(
        self, model: str, *, transaction: str, now: int, event: ModelEvent | None = None
    ) -> Settlement:
        """Record that a model is gone, with all its refs. Models that were derived from it inherit."""
        with self.transaction():
            return deletion.delete_model(
                self.connection, model, transaction=transaction, now=now, event=event
            )

    # Queries

    def models(self, owner: str | None = None) -> list[str]:
        """Return the names of the models that exist, by owner and name."""
        with self.reading():
            return [balance.full_name for balance in models.list_balances(self.connection, owner)]

    def refs(self, model: str) -> dict[str, Oid]:
        """Return the refs of a model as the ledger has them, settled ones only."""
        with self.reading():
            return holdings.list_refs(self.connection, models.get_model(self.connection, model).id)

    def balances(self, owner: str | None = None) -> list[Balance]:
        """Return what each model is charged now, by name."""
        with self.reading():
            return models.list_balances(self.connection, owner)

    def holdings(self, name: str | None = None) -> list[Holding]:
        """Return each ref with its charge, by model and ref; of an owner, or of one model "OWNER/MODEL"."""
        with self.reading():
            return holdings.list_holdings(self.connection, name)

    def rows(
        self, name: str | None = None, *, since: int | None = None, until: int | None = None
    ) -> Iterator[LedgerRow]:
        """Yield rows in order: of an owner, or of one model; from `since` on, before `until`."""
        return entries.read(self.connection, name, since=since, until=until)
