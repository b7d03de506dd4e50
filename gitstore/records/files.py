"""The files of records: values of an evaluation, the metrics of a training.

They are a tree like a state's, with large files in parts, in a commit without parents. The ref
`refs/records/TARGET/NAME` leads to it, where TARGET is the id of the object that has the note. The notes
themselves could not keep them: the history of notes would keep them for ever, and `git notes merge` loses
entries that are no notes. So a record's bytes are freed with its ref.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

from gitstore.bigfiles import add, scan
from gitstore.errors import Corrupt
from gitstore.git.refs import RefChange
from gitstore.git.repository import Repository
from gitstore.names import split_record
from gitstore.objects import commit
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Kind, Oid

PREFIX = "refs/records/"

OUTPUT = "output.txt"
"""The end of what the model printed, if it printed anything. It may hold any bytes."""


def make_ref(target: Oid, name: str) -> str:
    """Return the ref of the files of a record."""
    return f"{PREFIX}{target}/{name}"


def find_target(ref: str) -> Oid | None:
    """Return the object that a ref of files belongs to; `None` if it is no such ref."""
    parts = split_record(ref)
    return None if parts is None else Oid.parse(parts[0])


def list_refs(repository: Repository, targets: Collection[Oid]) -> dict[str, Oid]:
    """Return the refs of the files of all records of some objects. Raises `Corrupt` for a damaged one."""
    if not repository.refs.has_any_below(PREFIX):
        return {}
    prefixes = tuple(f"{PREFIX}{target}/" for target in targets)
    return {ref: oid for ref, oid in repository.refs.below(PREFIX) if ref.startswith(prefixes)}


def add_files(repository: Repository, directory: Path, writer: ObjectWriter) -> Oid:
    """Add the files of a directory that nobody else uses to a write, and return their tree."""
    return add.add_directory(scan.scan_directory(directory), writer, repository.stat_cache())


def change_ref(
    repository: Repository, target: Oid, name: str, *, tree: Oid, writer: ObjectWriter
) -> RefChange:
    """Add the commit of a record's files to a write, and return the change of its ref.

    What the ref had before is replaced: a record that was never finished, or that is replaced.
    """
    message = f"Files of the record {name} of {target}"
    content = commit.encode(tree, (), identity=repository.identity(), message=message)
    ref = make_ref(target, name)
    return RefChange(ref, repository.refs.get(ref), writer.add(Kind.COMMIT, content))


def check_tree(repository: Repository, tree: Oid, *, record: str) -> None:
    """Raise `Corrupt` if the files of a record are not here."""
    if tree not in repository.objects:
        raise Corrupt(
            f"the files of the record {record} are missing",
            "gitstore pull REMOTE fetches them from where the record was made",
        )


def is_orphan(ref: str, live: Collection[Oid]) -> bool:
    """Whether a ref of files belongs to an object that is not among the live ones."""
    target = find_target(ref)
    return target is not None and target not in live


def find_orphans(refs: Iterable[str], live: Collection[Oid]) -> list[str]:
    """Return the refs of files of objects that are not live."""
    return [ref for ref in refs if is_orphan(ref, live)]
