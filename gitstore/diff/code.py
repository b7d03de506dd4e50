"""What differs in code, and in packages.lock, as git's own diff tells it.

The code of a working copy is what a snapshot would take: uncommitted and new files are in, ignored
ones are not. git sees it as a tree in a quarantine, so that branch, index and files stay as they are.
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
from gitstore.diff import kinds as change
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
    """A file that differs: `added`, `removed` or `changed`, and how many lines; `None` if it is binary."""

    path: str
    kind: str
    lines_added: int | None
    lines_removed: int | None


@dataclass(frozen=True)
class CodeDiff:
    """The files that differ, and how git shows it: a table, or a patch; that in colour, too, if asked for."""

    files: tuple[CodeFileChange, ...]
    text: bytes
    coloured: bytes | None = None


def compare(
    before: Snapshot, after: Snapshot | Model, *, patch: bool = False, colour: bool = False
) -> CodeDiff:
    """Compare a snapshot's code with another's, or with what a snapshot of a model would take.

    Paths begin with `code/`, as in a snapshot, wherever a working copy has its code. Renames are told
    in the text only. A file over 8 MiB is compared as one that is no text. Raises `GitstoreError` for a
    nested repository in a working copy, and for more text than is compared.
    """
    for snapshot in (before, after):
        if isinstance(snapshot, Snapshot):
            stored.check_paths(snapshot.repository.objects, snapshot.code, joined=False)
    with _view(before, after) as view:
        raw = view.diff("--raw", "--no-renames", "-z")
        if not raw:
            return CodeDiff((), b"")
        renames = _check_amount(view, raw)
        files = tuple(_files(view.diff("--raw", "--numstat", "--no-renames", "-z")))
        form = (renames, "--patch" if patch else "--stat")
        coloured = view.diff(*form, "--color=always") if colour else None
        return CodeDiff(files, view.diff(*form, "--color=never"), coloured)


def changed_files(before: Snapshot, after: Model) -> Iterator[tuple[str, str]]:
    """The files of code, and packages.lock, that differ, and how. Lines are not compared; nothing is written.

    Raises `GitstoreError` for what a snapshot of the model could not read, and for code larger than allowed.
    """
    if after.repository.is_bare:
        yield from ((each.path, each.kind) for each in compare(before, after).files)
        return
    check_size = partial(capture_code.check_size, after.settings)
    lock = after.top_file(LOCK)
    old = _named(stored.file_entries(before.repository.objects, before.code), before.lock)
    new = _named(
        stage.list_code(after.repository, after.code, check_size=check_size),
        Oid.of(Kind.BLOB, lock) if lock is not None else None,
    )
    for path in sorted(old.keys() | new.keys(), key=os.fsencode):
        if old.get(path) != new.get(path):
            yield path, change.kind(old.get(path), new.get(path))


def _named(code: Mapping[PurePosixPath, FileEntry], lock: Oid | None) -> dict[str, FileEntry]:
    """Files by their paths in a snapshot."""
    named = {f"{CODE}/{path}": entry for path, entry in code.items()}
    return named if lock is None else {**named, LOCK: (Mode.FILE, lock)}


class _View(NamedTuple):
    """Two trees, the repository and the environment in which git has both, and all their objects."""

    repository: Repository
    variables: Mapping[str, str]
    before: Oid
    after: Oid
    databases: tuple[ObjectDatabase, ...]

    def diff(self, *options: str) -> bytes:
        # The plumbing: git diff would run programs that the user's configuration names, and heed diff.*.
        # core.bigFileThreshold of our repositories would make text of 256 KiB binary, and git's own default,
        # 512 MiB, is for machines with 40 GiB of memory.
        command = ("-c", f"core.bigFileThreshold={limits.DIFFED_FILE}", "diff-tree", "-r", *options)
        trees = (str(self.before), str(self.after))
        return self.repository.git(*command, *trees, "--", CODE, LOCK, variables=self.variables)

    def size(self, oid: Oid) -> int:
        """The bytes of a blob. Raises `Corrupt` if it is missing or broken."""
        return next((each for each in self.databases if oid in each), self.databases[0]).size(oid)


@contextmanager
def _view(before: Snapshot, after: Snapshot | Model) -> Iterator[_View]:
    if isinstance(after, Snapshot):
        borrowed = stage.borrowing(before.repository)
        both = (after.repository.objects, before.repository.objects)
        yield _View(after.repository, borrowed, before.tree, after.tree, both)
        return
    repository = after.repository
    with repository.reading(), stage.quarantine(repository, before.repository) as (objects, variables):
        tree = _tree(after, objects, variables)
        all_three = (repository.objects, before.repository.objects, ObjectDatabase(objects))
        yield _View(repository, variables, before.tree, tree, all_three)


def _tree(model: Model, objects: Path, variables: Mapping[str, str]) -> Oid:
    """A tree, in a quarantine, of a model's code and packages.lock where a snapshot has them."""
    git = model.repository.git
    entries = []
    code = _code(model, objects, variables)
    if code is not None:
        entries.append(f"040000 tree {code}\t{CODE}\0")
    lock = model.top_file(LOCK)
    if lock is not None:
        blob = git("hash-object", "-w", "--stdin", stdin=lock, variables=variables).decode().strip()
        entries.append(f"100644 blob {blob}\t{LOCK}\0")
    made = git("mktree", "-z", stdin="".join(entries).encode(), variables=variables)
    return Oid.parse(made.decode().strip())


def _code(model: Model, objects: Path, variables: Mapping[str, str]) -> Oid | None:
    """The tree of a model's code as it is on disk, or committed in a bare repository; `None` without any."""
    if model.repository.is_bare:
        return model.committed_code(model.code, partial(_write_tree, model.repository, variables))
    check_size = partial(capture_code.check_size, model.settings)
    return stage.add_code_tree(model.repository, model.code, objects, check_size=check_size)


def _write_tree(repository: Repository, variables: Mapping[str, str], content: bytes) -> Oid:
    """Store a tree in a quarantine."""
    write = ("hash-object", "-w", "-t", "tree", "--stdin")
    return Oid.parse(repository.git(*write, stdin=content, variables=variables).decode().strip())


def _check_amount(view: _View, raw: bytes) -> str:
    """Return the option with which git shall find renames in what `git diff --raw -z` lists.

    Of files that may be similar it reads all, whatever their size: large ones must be equal. Raises
    `GitstoreError` if there is too much text.
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


def _files(listed: bytes) -> Iterator[CodeFileChange]:
    """What `git diff --raw --numstat -z` lists: for each file its status, then for each its lines."""
    words = iter(listed.decode("utf-8", "surrogateescape").split("\0"))
    kinds = {}
    for word in words:
        if word.startswith(":"):
            kinds[next(words)] = _KINDS.get(word.rsplit(" ", 1)[1], "changed")
        elif word:
            added, removed, path = word.split("\t", 2)
            yield CodeFileChange(path, kinds[path], _count(added), _count(removed))


def _count(word: str) -> int | None:
    return None if word == "-" else int(word)
