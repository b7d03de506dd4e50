"""Notes of two repositories: what both have, in one commit, and the part of them that may be sent.

Nothing is ever lost. What was changed on both sides is merged note by note (`merge.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial

from gitstore.git.repository import Repository
from gitstore.objects import commit
from gitstore.packs.oid import Kind, Oid
from gitstore.records import evaluations, notes, trainings
from gitstore.records.merge import find_names, merge_notes
from gitstore.records.notes import Edit

NOTES = (evaluations.NOTES, trainings.NOTES)
"""The refs of notes that have records."""


def combine_tips(repository: Repository, ours: Oid | None, theirs: Oid) -> Oid:
    """Return a commit of notes that has both: one of them if it is ahead, else a new one.

    Durable, but no ref holds it yet. The caller holds `repository.writing()`.
    """
    if ours is None or repository.is_ancestor(ours, theirs):
        return theirs
    if repository.is_ancestor(theirs, ours):
        return ours
    base = _find_base(repository, ours, theirs)
    edits = {
        target: partial(_merge, _read_at(repository, base, target), _read_at(repository, theirs, target))
        for target in _list_different(repository, theirs, ours)
    }
    return _write(repository, ours, edits, parents=(ours, theirs))


def select_notes(
    repository: Repository, ours: Oid, theirs: Oid | None, *, choose: Callable[[Iterable[Oid]], set[Oid]]
) -> Oid | None:
    """Return the commit that the other side gets: `ours`, if all that it is about is there, else a new one.

    `theirs` is what the other side has, an ancestor of `ours`. `choose` returns those of some objects that
    the other side has. Objects are written like those of `combine_tips`. `None` is nothing to send.
    """
    targets = set(notes.list_notes(repository.objects, repository.commit(ours).tree))
    sent = choose(targets)
    if not sent:
        return None
    if sent == targets:
        return ours
    changed = (target for target in _list_different(repository, ours, theirs) if target in sent)
    edits = {target: partial(_replace, _read_at(repository, ours, target)) for target in changed}
    return _write(repository, theirs, edits, parents=() if theirs is None else (theirs,))


def list_names(repository: Repository, tips: Iterable[Oid], target: Oid) -> dict[str, list[str]]:
    """Return the names of the records about an object, by the trees of their files."""
    names: dict[str, list[str]] = {}
    for tip in tips:
        names |= find_names(_read_at(repository, tip, target))
    return names


def _list_different(repository: Repository, first: Oid, second: Oid | None) -> list[Oid]:
    """Return the objects whose note in one commit is another one, or none, in a second commit."""
    objects = repository.objects
    listed = notes.list_notes(objects, repository.commit(first).tree)
    others = notes.list_notes(objects, repository.commit(second).tree) if second is not None else {}
    return [target for target, blobs in listed.items() if others.get(target) != blobs]


def _find_base(repository: Repository, first: Oid, second: Oid) -> Oid | None:
    completed = repository.attempt("merge-base", str(first), str(second))
    return Oid.parse(completed.stdout.decode().strip()) if not completed.returncode else None


def _read_at(repository: Repository, tip: Oid | None, target: Oid) -> bytes:
    return notes.read_note_at(repository.objects, tip, target) if tip is not None else b""


def _merge(base: bytes, theirs: bytes, ours: bytes) -> bytes:
    return merge_notes(base, ours, theirs)


def _replace(content: bytes, _: bytes) -> bytes:
    return content


def _write(
    repository: Repository, start: Oid | None, edits: Mapping[Oid, Edit], *, parents: tuple[Oid, ...]
) -> Oid:
    """Write a commit of edited notes, and return it. Without a change, that is the only parent."""
    root = repository.commit(start).tree if start is not None else None
    with repository.writer() as writer:
        new_root = notes.edit_tree(writer, root, edits)
        if new_root == root and len(parents) == 1:
            return parents[0]
        content = commit.encode(
            new_root if new_root is not None else writer.add(Kind.TREE, b""),
            parents,
            identity=repository.identity(),
            message="Notes: merge records",
        )
        merged = writer.add(Kind.COMMIT, content)
        writer.finish()
    repository.objects.refresh()
    return merged
