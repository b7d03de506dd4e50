"""Git notes, git-notes(1): reading and changing the note of an object.

A ref below `refs/notes/` leads to a commit whose tree has a blob for each object that has a note. Its path
is the object's id in hexadecimal digits, with any number of directories of two digits in front: all
spellings mean the same, and git mixes them. Other entries are not notes, and stay as they are.

Stock git changes notes without looking whether the ref has moved meanwhile, and can so lose another
writer's note. Here the ref moves by compare-and-swap, and the change is made again if it has moved.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TypeAlias

from gitstore.disk import locks
from gitstore.errors import Corrupt, GitstoreError, Locked
from gitstore.git.refs import RefChange, RefChanged
from gitstore.git.repository import Repository
from gitstore.objects import commit, tree
from gitstore.objects.database import ObjectDatabase, TooLarge
from gitstore.objects.paths import ObjectSource, read_tree
from gitstore.objects.tree import Mode, TreeEntry
from gitstore.objects.writer import ObjectWriter
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid

ATTEMPTS = 20
"""How often a change is made again because somebody else moved the ref. gitstore's own writers queue."""

MOST_IN_A_TREE = 256
"""More notes directly in one tree are divided into directories of two digits, as git does."""

MOST = 1_000_000
"""Entries of all trees of notes together, counted as often as they are there. A hostile tree has more."""

_HEX = re.compile(rb"[0-9a-f]+")

Edit: TypeAlias = Callable[[bytes], bytes]
"""Returns the new content of a note from its old one. Empty content means that there is no note."""

Add: TypeAlias = Callable[[ObjectWriter], Sequence[RefChange]]
"""Adds other objects to a write, and returns the changes of refs that belong to them."""


def read_note(repository: Repository, ref: str, target: Oid) -> bytes:
    """Return the content of an object's note; empty if it has none. Raises `Corrupt`.

    If several spellings of the path exist, the result has the lines of all of them.
    """
    tip = repository.refs.get(ref)
    return read_note_at(repository.objects, tip, target) if tip is not None else b""


def read_note_at(objects: ObjectSource, tip: Oid, target: Oid) -> bytes:
    """Return the content of an object's note in a commit of notes; empty if it has none. Raises `Corrupt`."""
    try:
        root = commit.parse(objects.read_as(Kind.COMMIT, tip)).tree
    except ValueError as error:
        raise Corrupt(f"commit {tip} is malformed: {error}") from error
    return _join(objects, _find_blobs(lambda oid: read_tree(objects, oid), root, str(target).encode()))


def list_notes(objects: ObjectDatabase, root: Oid) -> dict[Oid, list[Oid]]:
    """Return the blobs of all notes in a tree, by the objects that they are about.

    A note has several blobs if its path is there in several spellings. Raises `Corrupt`, also for a tree with
    more entries than `MOST`.
    """
    notes: dict[Oid, list[Oid]] = defaultdict(list)
    waiting, count = [(b"", root)], 0
    while waiting:
        prefix, directory = waiting.pop()
        entries = read_tree(objects, directory)
        count += len(entries) + 1
        if count > MOST:
            raise Corrupt(f"the tree of notes {root} has over {MOST:,} entries")
        for entry in entries:
            digits = prefix + entry.name
            if _HEX.fullmatch(entry.name) and entry.is_tree and len(entry.name) == 2 and len(digits) < 40:
                waiting.append((digits, entry.oid))
            elif _HEX.fullmatch(entry.name) and entry.is_file and len(digits) == 40:
                notes[Oid.parse(digits.decode())].append(entry.oid)
    return notes


def edit_tree(writer: ObjectWriter, root: Oid | None, edits: Mapping[Oid, Edit]) -> Oid | None:
    """Add a tree of notes with edited notes to a write; return it, or `None` if nothing is left in it."""
    editor = _Editor(writer)
    for target, edit in edits.items():
        root = editor.apply(root, target, edit=edit)
    return root


def change_notes(
    repository: Repository,
    ref: str,
    edits: Mapping[Oid, Edit],
    *,
    reason: str,
    add: Add = lambda _: (),
) -> None:
    """Change the notes of some objects with one commit, and the refs of `add`, in one transaction.

    Durable. Other notes stay as they are, whoever writes them meanwhile. `add` is called again with each
    attempt. Raises `RefChanged` if one of its refs has changed, `GitstoreError` if a note would be too large,
    and `Locked` if somebody else changes the notes all the time.
    """
    with locks.notes(repository.private):
        for _ in range(ATTEMPTS):
            try:
                _attempt(repository, ref, edits, reason=reason, add=add)
            except RefChanged as error:
                if error.ref != ref:
                    raise
            else:
                break
        else:
            raise Locked(f"{ref} is changed by others all the time", "run the same command again")
    repository.maintain()


def _attempt(repository: Repository, ref: str, edits: Mapping[Oid, Edit], *, reason: str, add: Add) -> None:
    with repository.writer() as writer:
        changes = list(add(writer))
        tip = repository.refs.get(ref)
        root = repository.commit(tip).tree if tip is not None else None
        new_root = edit_tree(writer, root, edits)
        if new_root != root:
            parents = (tip,) if tip is not None else ()
            content = commit.encode(
                new_root if new_root is not None else writer.add(Kind.TREE, b""),
                parents,
                identity=repository.identity(),
                message=f"Notes: {reason}",
            )
            changes.append(RefChange(ref, tip, writer.add(Kind.COMMIT, content)))
        writer.finish()
        if changes:
            repository.refs.change(changes, reason)


def _find_blobs(read: Callable[[Oid], list[TreeEntry]], root: Oid, digits: bytes) -> Iterator[Oid]:
    """Yield the blobs of a note: one, or several if its path is there in several spellings."""
    for entry in read(root):
        if entry.is_tree and len(digits) > 2 and entry.name == digits[:2]:
            yield from _find_blobs(read, entry.oid, digits[2:])
        elif entry.is_file and entry.name == digits:
            yield entry.oid


def _join(objects: ObjectSource, blobs: Iterable[Oid]) -> bytes:
    contents = []
    for oid in blobs:
        try:
            contents.append(objects.read_as(Kind.BLOB, oid, at_most=limits.NOTE))
        except TooLarge as error:
            raise Corrupt(f"the note {oid} cannot be read: {error.message}") from error
    return contents[0] if len(contents) == 1 else b"".join(content.rstrip() + b"\n" for content in contents)


class _Editor:
    """Edits the tree of notes in one write. It knows the trees that it has added to the write."""

    def __init__(self, writer: ObjectWriter) -> None:
        self._writer = writer
        self._added: dict[Oid, list[TreeEntry]] = {}

    def apply(self, root: Oid | None, target: Oid, *, edit: Edit) -> Oid | None:
        """Return the tree with the edited note of `target`; `None` if nothing is left in it."""
        digits = str(target).encode()
        blobs = list(_find_blobs(self._read, root, digits)) if root is not None else []
        old = _join(self._writer.database, blobs)
        content = edit(old)
        if content == old:
            return root
        if len(content) > limits.NOTE:
            raise GitstoreError(
                f"the records of {target} would have {len(content):,} bytes; at most {limits.NOTE:,} can be"
                " read again",
                "remove some of the old records first",
            )
        blob = self._writer.add(Kind.BLOB, content) if content else None
        return self._replace(root, digits, blob=blob)

    def _read(self, oid: Oid) -> list[TreeEntry]:
        return self._added[oid] if oid in self._added else read_tree(self._writer.database, oid)

    def _add(self, entries: list[TreeEntry]) -> Oid:
        oid = self._writer.add(Kind.TREE, tree.encode(entries))
        self._added[oid] = entries
        return oid

    def _replace(self, oid: Oid | None, digits: bytes, *, blob: Oid | None) -> Oid | None:
        """Return a tree with `blob` at the path of `digits`, or no note there, and nothing else changed."""
        entries: list[TreeEntry] = []
        below: TreeEntry | None = None
        for entry in self._read(oid) if oid is not None else ():
            if entry.is_tree and len(digits) > 2 and entry.name == digits[:2]:
                below = entry
            elif not (entry.is_file and entry.name == digits):
                entries.append(entry)
        if below is not None:
            inner = self._replace(below.oid, digits[2:], blob=blob)
            entries += [TreeEntry(Mode.TREE, digits[:2], inner)] if inner is not None else []
        elif blob is not None:
            entries.append(TreeEntry(Mode.FILE, digits, blob))
        return self._add(self._divide(entries, len(digits))) if entries else None

    def _divide(self, entries: list[TreeEntry], length: int) -> list[TreeEntry]:
        """Move notes into directories of two digits if there are many. Their names have `length` digits."""
        groups: dict[bytes, list[TreeEntry]] = defaultdict(list)
        for entry in entries:
            if entry.is_file and len(entry.name) == length and _HEX.fullmatch(entry.name):
                groups[entry.name[:2]].append(entry)
        if length <= 2 or sum(map(len, groups.values())) <= MOST_IN_A_TREE:
            return entries
        others = {entry.name: entry for entry in entries if entry.name in groups}
        moved: set[bytes] = set()
        directories = []
        for name, notes in groups.items():
            directory = others.get(name)
            if directory is not None and not directory.is_tree:
                continue  # not a note, but the directory's name is taken
            oid = self._merge(directory.oid if directory is not None else None, notes)
            directories.append(TreeEntry(Mode.TREE, name, oid))
            moved |= {name, *(entry.name for entry in notes)}
        return [entry for entry in entries if entry.name not in moved] + directories

    def _merge(self, oid: Oid | None, notes: Sequence[TreeEntry]) -> Oid:
        """Return the tree of a directory with more notes in it."""
        inner = [entry._replace(name=entry.name[2:]) for entry in notes]
        if oid is not None:
            names = {entry.name for entry in inner}
            inner += [entry for entry in self._read(oid) if entry.name not in names]
        return self._add(inner)
