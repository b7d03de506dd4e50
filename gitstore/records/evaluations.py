"""Records of evaluations: notes on the tag of a snapshot, in `refs/notes/evaluations`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec.structs import replace

from gitstore.errors import GitstoreError
from gitstore.git.refs import RefChange
from gitstore.models.model import check_name
from gitstore.models.snapshot import Snapshot
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Oid
from gitstore.records import files, notes
from gitstore.records.record import EvaluationRecord, add_line, parse_lines

NOTES = "refs/notes/evaluations"


class NoSuchRecord(GitstoreError):
    """A snapshot has no evaluation record of this name."""


class RecordExists(GitstoreError):
    """A snapshot has an evaluation record of this name already."""


def list_records(snapshot: Snapshot) -> list[EvaluationRecord]:
    """List the evaluation records of a snapshot, oldest first. Raises `Corrupt` for damaged notes."""
    return parse_lines(notes.read_note(snapshot.repository, NOTES, snapshot.tag_oid), EvaluationRecord)


def find_record(snapshot: Snapshot, name: str) -> EvaluationRecord:
    """Return a record. Raises `NoSuchRecord`."""
    records = {record.name: record for record in list_records(snapshot)}
    if name not in records:
        raise NoSuchRecord(
            f"{snapshot.short_name} has no evaluation record {name}",
            f"it has {', '.join(records)}" if records else f"gitstore show {snapshot.short_name} lists them",
        )
    return records[name]


def check_new(snapshot: Snapshot, name: str) -> None:
    """Raise `RecordExists` or `InvalidName` unless a record can have this name."""
    check_name(name, "record")
    if any(record.name == name for record in list_records(snapshot)):
        raise _exists_error(snapshot, name)


def add_record(
    snapshot: Snapshot, record: EvaluationRecord, directory: Path, *, replacing: bool = False
) -> EvaluationRecord:
    """Keep a record and the files of its values, which are in `directory`. Atomic and durable.

    Returns the record with the tree of its files. Raises `RecordExists` unless `replacing`.
    """
    added = record

    def add(writer: ObjectWriter) -> Sequence[RefChange]:
        nonlocal added
        tree = files.add_files(snapshot.repository, directory, writer)
        added = replace(record, tree=str(tree))
        target = snapshot.tag_oid
        return [files.change_ref(snapshot.repository, target, record.name, tree=tree, writer=writer)]

    def edit(content: bytes) -> bytes:
        names = {other.name for other in parse_lines(content, EvaluationRecord)}
        if record.name in names and not replacing:
            raise _exists_error(snapshot, record.name)
        return add_line(content, added)

    notes.change_notes(
        snapshot.repository,
        NOTES,
        {snapshot.tag_oid: edit},
        reason=f"record evaluation {record.name} of {snapshot.short_name}",
        add=add,
    )
    return added


def find_tree(record: EvaluationRecord) -> Oid:
    """Return the tree with the files of a record."""
    return Oid.parse(record.tree)


def _exists_error(snapshot: Snapshot, name: str) -> RecordExists:
    return RecordExists(
        f"{snapshot.short_name} has an evaluation record {name} already",
        "choose another name, or replace it with --force",
    )
