"""From the refs of two times to the events between them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from gitstore.errors import Corrupt
from gitstore.events.alias_moves import list_alias_events
from gitstore.git.repository import Repository
from gitstore.models import alias as aliases
from gitstore.models import catalog
from gitstore.models.snapshot import RENAMED_FROM
from gitstore.names import spell_snapshot, spell_tag
from gitstore.objects import tag
from gitstore.objects.paths import ObjectSource
from gitstore.objects.tag import Tag
from gitstore.outbox.events import (
    EvaluationFinished,
    ModelDeleted,
    ModelDerived,
    ModelEvent,
    SnapshotCreated,
    SnapshotDeleted,
    SnapshotRenamed,
    StateCreated,
)
from gitstore.packs.oid import Kind, Oid
from gitstore.records import evaluations, files
from gitstore.records.outputs import OutputReader
from gitstore.settings import BasedOn

_TAGS, _STATES, _HEADS = "refs/tags/", "refs/states/", "refs/heads/"

PLAIN = "-"
"""What stands before the id of a ref that no event has told of: a tag that is no snapshot, so that its
removal is no news, and a record that has come before its snapshot."""


@dataclass(frozen=True)
class Observation:
    """The refs that events have told of, and those that exist, at a time in microseconds."""

    model: str
    told: Mapping[str, str]
    refs: Mapping[str, str]
    time: int
    user: str | None = None

    @property
    def facts(self) -> dict[str, Any]:
        """What all events of it have."""
        return {"time": self.time, "model": self.model, "user": self.user}

    def added(self, space: str) -> dict[str, str]:
        """The refs below `space` that are new, or hold something else."""
        return {
            ref: oid
            for ref, oid in sorted(self.refs.items())
            if ref.startswith(space) and self.told.get(ref, "").removeprefix(PLAIN) != oid
        }

    def removed(self, space: str) -> dict[str, str]:
        """The refs below `space` that are gone, with what they held."""
        return {
            ref: oid
            for ref, oid in sorted(self.told.items())
            if ref.startswith(space) and ref not in self.refs and not oid.startswith(PLAIN)
        }


class RefReader:
    """Reads what refs lead to. What cannot be read is `None`: an event then says less."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository

    def read_tag(self, ref: str, oid: str) -> Tag | None:
        """Return a snapshot's tag; `None` for any other tag, and for one that was created as another."""
        with suppress(Corrupt, ValueError):
            kind, content = self._repository.objects.read_inner(Oid.parse(oid))
            if kind is Kind.TAG:
                parsed = tag.parse(content)
                if "Gitstore-Format" in parsed.trailers and f"{_TAGS}{parsed.name}" == ref:
                    return parsed
        return None

    def describe(self, ref: str, oid: str) -> str:
        """Return what to remember of a ref that exists before events begin."""
        is_plain = ref.startswith(_TAGS) and self.read_tag(ref, oid) is None
        return f"{PLAIN}{oid}" if is_plain else oid

    def read_tree(self, commit: str) -> str | None:
        """Return the tree of a commit."""
        with suppress(Corrupt):
            return str(self._repository.commit(Oid.parse(commit)).tree)
        return None

    @property
    def objects(self) -> ObjectSource:
        """The objects of the repository."""
        return self._repository.objects

    def read_outputs(self, target: str, name: str) -> dict[str, Any]:
        """Return the scalars among the outputs of an evaluation record."""
        return self._outputs.read(Oid.parse(target), name)

    @cached_property
    def _outputs(self) -> OutputReader:
        return OutputReader(self._repository.objects, self._repository.refs.get(evaluations.NOTES))

    @cached_property
    def bases(self) -> dict[str, BasedOn]:
        """What the derived models of the repository are based on, by their names."""
        with suppress(Corrupt):
            return catalog.find_bases(self._repository, self._repository.refs.below(_HEADS))
        return {}


def list_events(seen: Observation, reader: RefReader) -> Iterator[ModelEvent]:
    """Yield the events between two times, in an order that makes sense to whoever reads them."""
    yield from _list_models(seen, reader)
    yield from _list_states(seen, reader)
    yield from _list_snapshots(seen, reader)
    yield from _list_evaluations(seen, reader)
    yield from _list_alias_moves(seen, reader)


def describe_changes(seen: Observation, reader: RefReader) -> dict[str, str | None]:
    """Return what to remember of the refs that changed since, now that `list_events` has told of them.

    `None` is for a ref that is gone. A record whose snapshot is not there waits for it.
    """
    tags = {oid for ref, oid in seen.refs.items() if ref.startswith(_TAGS)}
    changes: dict[str, str | None] = dict.fromkeys(seen.told.keys() - seen.refs.keys())
    for ref, oid in seen.refs.items():
        told = seen.told.get(ref, "")
        if ref.startswith(files.PREFIX):
            is_waiting = _split_record(ref)[0] not in tags
            if told.removeprefix(PLAIN) != oid or (told != oid and not is_waiting):
                changes[ref] = f"{PLAIN}{oid}" if is_waiting else oid
        elif told.removeprefix(PLAIN) != oid:
            changes[ref] = reader.describe(ref, oid)
    return changes


def _split_record(ref: str) -> tuple[str, str]:
    """Return the tag that a record is of, and the record's name."""
    target, _, name = ref.removeprefix(files.PREFIX).partition("/")
    return target, name


def _list_models(seen: Observation, reader: RefReader) -> Iterator[ModelEvent]:
    for ref in seen.added(_HEADS):
        name = ref.removeprefix(_HEADS)
        base = reader.bases.get(name)
        if base is not None:
            yield ModelDerived(**seen.facts, base=base.full_name, base_tag=base.tag, derived=name)
    for ref in seen.removed(_HEADS):
        # A branch that was no model has neither tags nor states below its name.
        name = ref.removeprefix(_HEADS)
        if any(other.startswith((f"{_TAGS}{name}/", f"{_STATES}{name}/")) for other in seen.told):
            yield ModelDeleted(**seen.facts, derived=name)


def _list_states(seen: Observation, reader: RefReader) -> Iterator[ModelEvent]:
    for ref, oid in seen.added(_STATES).items():
        prefix, _, name = ref.removeprefix(_STATES).rpartition("/")
        yield StateCreated(
            **seen.facts,
            state=spell_snapshot(name, prefix),
            ref=ref,
            commit=oid,
            tree=reader.read_tree(oid),
            replaced=seen.told.get(ref),
        )


def _list_snapshots(seen: Observation, reader: RefReader) -> Iterator[ModelEvent]:
    gone = {oid: ref for ref, oid in seen.removed(_TAGS).items()}
    for ref, oid in seen.added(_TAGS).items():
        parsed = reader.read_tag(ref, oid)
        if parsed is None:
            continue
        facts = {**seen.facts, "snapshot": spell_tag(ref), "ref": ref, "tag": oid}
        facts["user"] = seen.user or parsed.tagger or None
        old_tag = parsed.trailers.get(RENAMED_FROM, "").rpartition(" ")[2]
        if old_tag in gone:
            old_ref = gone.pop(old_tag)
            yield SnapshotRenamed(**facts, old_snapshot=spell_tag(old_ref), old_ref=old_ref, old_tag=old_tag)
        else:
            yield SnapshotCreated(**facts, commit=str(parsed.target), message=parsed.message)
    for oid, ref in gone.items():
        yield SnapshotDeleted(**seen.facts, snapshot=spell_tag(ref), ref=ref, tag=oid)


def _list_evaluations(seen: Observation, reader: RefReader) -> Iterator[ModelEvent]:
    """Yield the evaluations that were recorded, which the commits of their files identify.

    A snapshot that got another name keeps its records, which is no news. A record that plain git fetched
    before its snapshot is told of when both are there.
    """
    snapshots = {oid: ref for ref, oid in seen.refs.items() if ref.startswith(_TAGS)}
    known = _list_told_records(seen)
    for ref, oid in sorted(seen.refs.items()):
        if not ref.startswith(files.PREFIX) or seen.told.get(ref) == oid:
            continue
        target, name = _split_record(ref)
        if target in snapshots and oid not in known:
            known.add(oid)
            yield EvaluationFinished(
                **seen.facts,
                snapshot=spell_tag(snapshots[target]),
                ref=snapshots[target],
                tag=target,
                record=name,
                commit=oid,
                outputs=reader.read_outputs(target, name),
            )


def _list_told_records(seen: Observation) -> set[str]:
    """Return the commits of records of snapshots that were told."""
    tags = {oid for ref, oid in seen.told.items() if ref.startswith(_TAGS)}
    return {
        oid
        for ref, oid in seen.told.items()
        if ref.startswith(files.PREFIX) and _split_record(ref)[0] in tags
    }


def _list_alias_moves(seen: Observation, reader: RefReader) -> Iterator[ModelEvent]:
    for ref, oid in seen.added(aliases.PREFIX).items():
        told = seen.told.get(ref)
        old = Oid.parse(told) if told is not None else None
        yield from list_alias_events(reader.objects, ref, old=old, new=Oid.parse(oid), facts=seen.facts)
    for ref, oid in seen.removed(aliases.PREFIX).items():
        yield from list_alias_events(reader.objects, ref, old=Oid.parse(oid), new=None, facts=seen.facts)
