"""What differs in code and in packages.lock, as git's own diff shows it.

The code of a working copy is what a snapshot would store: uncommitted and new files, but no ignored ones.
It is added as a tree to a quarantine, where git compares it; branch, index and files stay as they are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from gitstore.bigfiles import stored
from gitstore.bigfiles.stored import FileEntry
from gitstore.diff.kinds import classify_change
from gitstore.errors import GitstoreError
from gitstore.git.repository import Repository
from gitstore.models.model import CODE, LOCK, Model
from gitstore.models.snapshot import Snapshot
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.tree import Mode
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid
from gitstore.staging import stage
from gitstore.units import format_size
from gitstore.workingcopy import capture_code

_KINDS = {"A": "added", "D": "removed"}


class CodeFileChange(NamedTuple):
    """A file that was `added`, `removed` or `changed`, and the number of lines; `None` if it is binary."""

    path: str
    kind: str
    lines_added: int | None
    lines_removed: int | None


@dataclass(frozen=True)
class CodeDiff:
    """The files that differ, and git's text about them: a table or a patch, also in colour if wanted."""

    files: tuple[CodeFileChange, ...]
    text: bytes
    coloured: bytes | None = None


def compare(
    before: Snapshot, after: Snapshot | Model, *, patch: bool = False, colour: bool = False
) -> CodeDiff:
    """Compare a snapshot's code with another's, or with what a snapshot of a model would store.

    Paths begin with `code/`, as in a snapshot, wherever a working copy has its code. Only the text shows
    renames. A file over 8 MiB is compared as a binary file. Raises `GitstoreError` for a nested repository
    in a working copy, and for more text than `limits.DIFFED`.
    """
    for snapshot in (before, after):
        if isinstance(snapshot, Snapshot):
            stored.check_paths(snapshot.repository.objects, snapshot.code_tree, joined=False)
    with _open_view(before, after) as view:
        raw = view.diff("--raw", "--no-renames", "-z")
        if not raw:
            return CodeDiff((), b"")
        renames = _choose_renames(view, raw)
        files = tuple(_parse_changes(view.diff("--raw", "--numstat", "--no-renames", "-z")))
        form = (renames, "--patch" if patch else "--stat")
        coloured = view.diff(*form, "--color=always") if colour else None
        return CodeDiff(files, view.diff(*form, "--color=never"), coloured)


def list_changes(before: Snapshot, after: Model) -> Iterator[tuple[str, str]]:
    """Yield path and kind of each file that differs in code and packages.lock. Compares no lines.

    Nothing is written. Raises `GitstoreError` for a file that a snapshot of the model could not read, and for
    code larger than the settings allow.
    """
    if after.repository.is_bare:
        yield from ((file.path, file.kind) for file in compare(before, after).files)
        return
    check_size = partial(capture_code.check_size, after.settings)
    lock = after.read_top_file(LOCK)
    old = _join_paths(stored.list_entries(before.repository.objects, before.code_tree), before.lock_blob)
    new = _join_paths(
        stage.list_code(after.repository, after.code_directory, check_size=check_size),
        Oid.of(Kind.BLOB, lock) if lock is not None else None,
    )
    for path in sorted(old.keys() | new.keys(), key=os.fsencode):
        if old.get(path) != new.get(path):
            yield path, classify_change(old.get(path), new.get(path))


def _join_paths(code: Mapping[PurePosixPath, FileEntry], lock: Oid | None) -> dict[str, FileEntry]:
    """Return the files of code and packages.lock by their paths in a snapshot."""
    entries = {f"{CODE}/{path}": entry for path, entry in code.items()}
    return entries if lock is None else {**entries, LOCK: (Mode.FILE, lock)}


class _View(NamedTuple):
    """Two trees, a repository with variables by which git finds both, and the databases of their objects."""

    repository: Repository
    variables: Mapping[str, str]
    before: Oid
    after: Oid
    databases: tuple[ObjectDatabase, ...]

    def diff(self, *options: str) -> bytes:
        # git diff would obey diff.* and run programs that the user's configuration names; plumbing does not.
        # With our repositories' core.bigFileThreshold, text of 256 KiB would be binary. With git's own
        # default of 512 MiB, a diff could take 40 GiB of memory.
        command = ("-c", f"core.bigFileThreshold={limits.DIFFED_FILE}", "diff-tree", "-r", *options)
        trees = (str(self.before), str(self.after))
        return self.repository.git(*command, *trees, "--", CODE, LOCK, variables=self.variables)

    def size(self, oid: Oid) -> int:
        """Return the bytes of a blob. Raises `Corrupt` if it is missing or broken."""
        holders = (database for database in self.databases if oid in database)
        return next(holders, self.databases[0]).size(oid)


@contextmanager
def _open_view(before: Snapshot, after: Snapshot | Model) -> Iterator[_View]:
    if isinstance(after, Snapshot):
        borrowed = stage.borrow_objects(before.repository)
        databases: tuple[ObjectDatabase, ...] = (after.repository.objects, before.repository.objects)
        yield _View(after.repository, borrowed, before.tree, after.tree, databases)
        return
    repository = after.repository
    with repository.reading(), stage.quarantine(repository, before.repository) as (objects, variables):
        tree = _add_tree(after, objects, variables)
        databases = (repository.objects, before.repository.objects, ObjectDatabase(objects))
        yield _View(repository, variables, before.tree, tree, databases)


def _add_tree(model: Model, objects: Path, variables: Mapping[str, str]) -> Oid:
    """Add a tree with a model's code and packages.lock, each where a snapshot has it, to a quarantine."""
    git = model.repository.git
    entries = []
    code = _add_code(model, objects, variables)
    if code is not None:
        entries.append(f"040000 tree {code}\t{CODE}\0")
    lock = model.read_top_file(LOCK)
    if lock is not None:
        blob = git("hash-object", "-w", "--stdin", stdin=lock, variables=variables).decode().strip()
        entries.append(f"100644 blob {blob}\t{LOCK}\0")
    tree = git("mktree", "-z", stdin="".join(entries).encode(), variables=variables)
    return Oid.parse(tree.decode().strip())


def _add_code(model: Model, objects: Path, variables: Mapping[str, str]) -> Oid | None:
    """Add the tree of a model's code, on disk or committed in a bare repository; `None` if it has no code."""
    if model.repository.is_bare:
        return model.find_committed_code(
            model.code_directory, partial(_write_tree, model.repository, variables)
        )
    check_size = partial(capture_code.check_size, model.settings)
    return stage.add_code_tree(model.repository, model.code_directory, objects, check_size=check_size)


def _write_tree(repository: Repository, variables: Mapping[str, str], content: bytes) -> Oid:
    """Store a tree in a quarantine."""
    write = ("hash-object", "-w", "-t", "tree", "--stdin")
    return Oid.parse(repository.git(*write, stdin=content, variables=variables).decode().strip())


def _choose_renames(view: _View, raw: bytes) -> str:
    """Return the option for renames in the files that `git diff --raw -z` lists.

    git would read all files that may be similar, whatever their size. With large ones among them, only
    equal files count as renamed. Raises `GitstoreError` if there is too much text.
    """
    total, largest = 0, 0
    for word in raw.decode("utf-8", "surrogateescape").split("\0"):
        if word.startswith(":"):
            _, _, *oids, status = word.split(" ")
            sizes = [view.size(Oid.parse(oid)) for oid in oids if oid.strip("0")]
            total += sum(size for size in sizes if size <= limits.DIFFED_FILE)
            largest = max(largest, *sizes) if status in _KINDS else largest
    if total > limits.DIFFED:
        raise GitstoreError(
            f"the files of code that differ have {format_size(total)}; at most {format_size(limits.DIFFED)}"
            " are compared line by line",
            "to compare a single directory, add -- and its path to git diff --stat",
        )
    return "--find-renames" if largest <= limits.DIFFED_FILE else "--find-renames=100%"


def _parse_changes(output: bytes) -> Iterator[CodeFileChange]:
    """Parse `git diff --raw --numstat -z`: first the status of each file, then the lines of each."""
    words = iter(output.decode("utf-8", "surrogateescape").split("\0"))
    kind_of = {}
    for word in words:
        if word.startswith(":"):
            kind_of[next(words)] = _KINDS.get(word.rsplit(" ", 1)[1], "changed")
        elif word:
            added, removed, path = word.split("\t", 2)
            yield CodeFileChange(path, kind_of[path], _parse_count(added), _parse_count(removed))


def _parse_count(word: str) -> int | None:
    return None if word == "-" else int(word)
