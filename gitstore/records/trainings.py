"""Records of trainings: notes on the tree of a state, in `refs/notes/trainings`.

A state's tree is the same object under another name, in a snapshot, in a derived model and after the state
was written to disk and saved again. Its commit is not. So the note on the tree is found from all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from gitstore.bigfiles import stored
from gitstore.bigfiles.extract import extract_files
from gitstore.disk import directories
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Oid
from gitstore.records import files, notes
from gitstore.records.record import TrainingRecord, add_line, parse_lines

NOTES = "refs/notes/trainings"
METRICS = "metrics.csv"
"""The file of a record that has all metrics."""


def find_record(repository: Repository, tree: Oid, name: str | None = None) -> TrainingRecord | None:
    """Return the record of the training that made a state; `None` if there is none. Raises `Corrupt`.

    If several trainings gave the same files, that of the state `name` is returned, else the latest.
    """
    records = parse_lines(notes.read_note(repository, NOTES, tree), TrainingRecord)
    named = [record for record in records if record.name == name]
    return next(reversed(named or records), None)


def find_state_record(model: Model, name: str) -> TrainingRecord | None:
    """Return the record of a state as it is saved; `None` if there is none. Raises `NoSuchState`."""
    tree = state.find_saved_tree(model, name)
    if tree is None:
        state.find_state(model, name)
        return None
    return find_record(model.repository, tree, name)


def add_record(repository: Repository, tree: Oid, record: TrainingRecord, *, directory: Path | None) -> None:
    """Keep the record of a state with this tree, and its files if there are any. Atomic and durable."""
    added = record

    def add(writer: ObjectWriter) -> Sequence[RefChange]:
        nonlocal added
        if directory is None:
            return []
        file_tree = files.add_files(repository, directory, writer)
        added = replace(record, tree=str(file_tree))
        return [files.change_ref(repository, tree, record.name, tree=file_tree, writer=writer)]

    notes.change_notes(
        repository,
        NOTES,
        {tree: lambda content: add_line(content, added)},
        reason=f"record training of {record.name}",
        add=add,
    )


def find_tree(record: TrainingRecord) -> Oid | None:
    """Return the tree with the files of a record, if it has any."""
    return None if isinstance(record.tree, UnsetType) else Oid.parse(record.tree)


def copy_records(source: Repository, target: Repository, tree: Oid) -> None:
    """Copy the records of a state with this tree, and their files, to another repository. Durable.

    Raises `Corrupt` if they cannot be read. Then those before are copied.
    """
    for record in parse_lines(notes.read_note(source, NOTES, tree), TrainingRecord):
        file_tree = find_tree(record)
        if file_tree is None or file_tree not in source.objects:
            add_record(target, tree, replace(record, tree=UNSET), directory=None)
            continue
        with directories.scratch(target.private, "record") as directory:
            listed = stored.list_files(source.objects, file_tree, joined=True)
            extract_files(source.objects, listed, directory)
            add_record(target, tree, record, directory=directory)
