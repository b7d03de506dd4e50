"""The values that go into the ledger, and those that come out of it.

Models are named by "OWNER/MODEL". Times are integer microseconds since 1970, UTC; sizes are bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from gitstore.disk.processes import ProcessId
from gitstore.errors import GitstoreError
from gitstore.outbox.events import ModelEvent
from gitstore.packs.oid import Kind, Oid
from gitstore.text import counted
from gitstore.units import format_size


class StoredObject(NamedTuple):
    """An object: its bytes in the pack that brought it, and what it refers to, without submodules."""

    kind: Kind
    size: int
    children: tuple[Oid, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Admission:
    """The change of one ref from `old` to `new`. `None` means that the ref does not exist.

    `objects` are those that `new` needs and that the ledger does not have for this model
    (`Ledger.find_live`). It may have more, and what earlier admissions of the same push bring, too.
    `tag` is the id of the snapshot's tag, if the ref is a snapshot. `events` are appended when the change is
    settled, with the time and the bytes of that.
    """

    ref: str
    new: Oid | None
    old: Oid | None = None
    tag: Oid | None = None
    objects: Mapping[Oid, StoredObject] = field(default_factory=dict)
    events: Sequence[ModelEvent] = ()


class Quota(NamedTuple):
    """Limits in bytes. Beyond `hard` nothing is admitted; beyond `soft`, and 80 % of `hard`, it warns."""

    hard: int | None = None
    soft: int | None = None


class Quotas(NamedTuple):
    """The quota of a model's owner, over all its models, and that of the model itself."""

    owner: Quota = Quota()
    model: Quota = Quota()


UNLIMITED = Quotas()


class QuotaNotice(NamedTuple):
    """An owner or a model ("OWNER", "OWNER/MODEL") that will use `used` of `limit` bytes."""

    name: str
    used: int
    limit: int
    is_hard: bool

    @property
    def message(self) -> str:
        """One line for the pusher's terminal."""
        kind = "quota" if self.is_hard else "soft quota"
        return f"{self.name} uses {format_size(self.used)} of its {kind} of {format_size(self.limit)}"


class Holding(NamedTuple):
    """A ref that holds objects, with the objects and bytes that are charged to it."""

    model: str
    ref: str
    target: Oid
    tag: Oid | None
    objects: int
    bytes: int


class QuotaExceeded(GitstoreError):
    """A push does not fit into a quota, so nothing of it was reserved.

    `name` is the owner or the model; `left` the bytes that still fit; `largest` the three largest holders.
    """

    kind = "quota_exceeded"

    def __init__(
        self, name: str, *, needed: int, left: int, limit: int, largest: tuple[Holding, ...]
    ) -> None:
        holders = ", ".join(
            f"{holding.model} {holding.ref} ({format_size(holding.bytes)})" for holding in largest
        )
        super().__init__(
            f"the push needs {format_size(needed)}, and {name} has {format_size(left)} left of"
            f" {format_size(limit)}",
            f"remove what is no longer needed; the largest are {holders}" if holders else None,
        )
        self.name, self.needed, self.left, self.limit, self.largest = name, needed, left, limit, largest

    def details(self) -> dict[str, Any]:
        return {"name": self.name, "needed": self.needed, "left": self.left, "limit": self.limit}


class NotLive(GitstoreError):
    """An admitted object refers to one that is gone, one of `oids`. Collect the admissions again."""

    def __init__(self, oids: tuple[Oid, ...]) -> None:
        lost = counted(len(oids), "object that the push needs was", "objects that the push needs were")
        super().__init__(
            f"{lost} deleted meanwhile, {oids[0]} is one",
            "push again",
        )
        self.oids = oids


class Reservation(NamedTuple):
    """What a push adds: its new objects, their bytes, and the warnings that its user should see."""

    transaction: str
    objects: int
    bytes: int
    warnings: tuple[QuotaNotice, ...]


class PendingRef(NamedTuple):
    """A change of a ref that is reserved and not settled."""

    ref: str
    old: Oid | None
    new: Oid | None


class Pending(NamedTuple):
    """A reservation that was neither settled nor released."""

    transaction: str
    model: str
    process: ProcessId
    time: int
    refs: tuple[PendingRef, ...]


class RowKind(StrEnum):
    """What a row of the ledger says of its ref."""

    ADMITTED = "admitted"
    """It has a new value, and is charged what nobody held before."""
    DERIVED = "derived"
    """The same, in a model that was derived; what its base pays is not counted."""
    INHERITED = "inherited"
    """Another ref went, and this one is charged what it still needs of it."""
    DELETED = "deleted"
    """It went, or no longer needs its former value: all that was charged to that is taken off."""


Digest = bytes
"""A SHA-256."""


class LedgerRow(NamedTuple):
    """One line of the ledger. `objects` and `bytes` are added to the charge of its ref; they may be negative.

    `snapshot` is the id of the snapshot's tag, in hexadecimal digits.
    """

    number: int
    time: int
    owner: str
    model: str
    ref: str
    snapshot: str | None
    kind: RowKind
    objects: int
    bytes: int
    transaction: str
    hash: Digest


class Balance(NamedTuple):
    """What a model is charged now, and what living pushes have reserved beyond that."""

    owner: str
    model: str
    objects: int
    bytes: int
    reserved: int

    @property
    def full_name(self) -> str:
        return f"{self.owner}/{self.model}"


class Settlement(NamedTuple):
    """What became of a reservation or a deletion: the rows that it added to the ledger."""

    rows: tuple[LedgerRow, ...]
    warnings: tuple[QuotaNotice, ...] = ()
