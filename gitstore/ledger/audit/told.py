"""Events of the outbox as they are matched: what an event is about, and what the ledger says as well."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct

from gitstore.names import spell_alias, spell_state, spell_tag


class EventKey(NamedTuple):
    """What happened, to which ref of which model (none: to the model itself), when."""

    type: str
    model: str
    ref: str
    time: int

    @property
    def subject(self) -> str:
        return f"{self.model} {self.ref}".rstrip()


class EventFacts(NamedTuple):
    """What an event and the ledger both say: a snapshot's tag, the bytes.

    Of a derived model, `base` is the model that it is based on. Of an evaluation, `snapshot` is a ref, and
    `commit` that of the record's files.
    """

    tag: str | None = None
    bytes: int | None = None
    base: str | None = None
    snapshot: str | None = None
    commit: str | None = None


class ToldEvent(NamedTuple):
    """An event in the outbox. `old_commit` and `commit` are those of an alias or a state."""

    id: str
    facts: EventFacts
    old_commit: str | None
    commit: str | None


class EventBody(Struct):
    """The keys of an event's JSON that are compared."""

    type: str
    time: int
    model: str
    owner: str | None = None
    ref: str = ""
    tag: str | None = None
    commit: str | None = None
    old_commit: str | None = None
    record: str = ""
    snapshot: str | None = None
    state: str = ""
    alias: str = ""
    base: str = ""
    quota: str = ""
    added_bytes: int | None = None
    freed_bytes: int | None = None


def find_wrong_name(body: EventBody) -> str | None:
    """Return the name in an event that is not that of its ref; `None` if there is none."""
    names = {
        "refs/tags/": (body.snapshot, spell_tag),
        "refs/states/": (body.state, spell_state),
        "refs/aliases/": (body.alias, spell_alias),
    }
    for prefix, (name, spell) in names.items():
        if body.ref.startswith(prefix) and name != spell(body.ref):
            return f"{name}, and its ref is {body.ref}"
    if body.type == "quota.warning" and body.quota not in {body.owner, f"{body.owner}/{body.model}"}:
        return f"{body.quota}, which is neither its owner nor its model"
    return None


def key_of(body: EventBody) -> EventKey:
    """Return what an event is about; of an evaluation, the ref of its record."""
    model = f"{body.owner}/{body.model}"
    if body.type == "evaluation.finished":
        return EventKey(body.type, model, f"refs/records/{body.tag}/{body.record}", body.time)
    return EventKey(body.type, model, body.ref, body.time)


def facts_of(body: EventBody) -> EventFacts:
    """Return what the ledger says as well."""
    match body.type:
        case "snapshot.created":
            return EventFacts(body.tag, body.added_bytes)
        case "state.created":
            return EventFacts(bytes=body.added_bytes)
        case "snapshot.deleted":
            return EventFacts(body.tag, body.freed_bytes)
        case "model.deleted":
            return EventFacts(bytes=body.freed_bytes)
        case "model.derived":
            return EventFacts(base=body.base.rpartition("@")[0])
        case "evaluation.finished":
            return EventFacts(snapshot=body.ref, commit=body.commit)
    return EventFacts()
