"""What happens to records when what they are about is removed or renamed."""

from __future__ import annotations

from collections.abc import Callable, Collection

from gitstore.disk.afterwards import only_warn
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.packs.oid import Oid
from gitstore.records import evaluations, files, notes


def plan_removal(repository: Repository, tags: Collection[Oid]) -> list[RefChange]:
    """Return the changes that delete the files of all records of some snapshots."""
    return [RefChange(ref, oid, None) for ref, oid in files.list_refs(repository, tags).items()]


def drop_notes(repository: Repository, tags: Collection[Oid]) -> None:
    """Drop the notes of removed snapshots. An error is a warning: then they say what is no longer there."""
    edits = {tag: _empty for tag in tags if notes.read_note(repository, evaluations.NOTES, tag)}
    if edits:
        with only_warn("the notes of removed snapshots were not removed"):
            notes.change_notes(repository, evaluations.NOTES, edits, reason="remove snapshots")


def plan_move(repository: Repository, old: Oid, new: Oid) -> list[RefChange]:
    """Return the changes that move the files of all records from one tag to another."""
    changes = []
    for ref, oid in files.list_refs(repository, [old]).items():
        new_ref = files.make_ref(new, ref.rpartition("/")[2])
        changes += [RefChange(new_ref, repository.refs.get(new_ref), oid), RefChange(ref, oid, None)]
    return changes


def copy_notes(repository: Repository, old: Oid, new: Oid) -> None:
    """Copy the note of a tag to the tag that replaces it. Atomic and durable."""
    content = notes.read_note(repository, evaluations.NOTES, old)
    if content:
        edits = {new: _replace_by(content)}
        notes.change_notes(repository, evaluations.NOTES, edits, reason="rename a snapshot")


def _empty(_: bytes) -> bytes:
    return b""


def _replace_by(content: bytes) -> Callable[[bytes], bytes]:
    return lambda _: content
