"""Which code a snapshot refuses, and which it accepts with a warning."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from gitstore.bigfiles import lfs, stored
from gitstore.bigfiles.stored import FileEntry
from gitstore.errors import GitstoreError
from gitstore.layout import TOP
from gitstore.objects import tree
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.links import leads_out
from gitstore.objects.paths import read_tree
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid
from gitstore.staging.conversion import Conversion
from gitstore.staging.working_files import WorkingFiles, is_beside, unreadable
from gitstore.text import list_some, quoted

_LONGEST_LINE = 2048
_LARGEST_ATTRIBUTES = 100 * 1024 * 1024
"""The size from which `git fsck` refuses attributes (attr.h of git)."""

_LONGEST_NAME = 255
"""The limit of file systems. git's fsck.largePathname allows 4096."""

_MODES = frozenset(Mode)


def check_files(scanned: WorkingFiles) -> None:
    """Raise `GitstoreError` for names that git refuses, links that lead out, and attributes of long lines.

    Files that a sparse checkout leaves out are checked, too, because they are in the snapshot.
    """
    for path, file in scanned.files.items():
        _check_names(scanned.at, path)
        if file.mode == Mode.LINK:
            _check_link(scanned, path)
        elif tree.is_attributes(os.fsencode(path.name)):
            _check_attributes_file(scanned, path, file.stamp.size)
    check_stored(scanned.repository.objects, scanned.at, scanned.sparse)


def check_stored(
    objects: ObjectDatabase, at: PurePosixPath, files: Mapping[PurePosixPath, FileEntry]
) -> None:
    """Check committed code, at `at` of a tree, like `check_files`. Also raises `Corrupt`."""
    for path, (mode, oid) in files.items():
        _check_names(at, path)
        if mode == Mode.LINK:
            _check_not_read_by_git(at, path)
            check_link(at, path, stored.read_link(objects, oid))
        elif tree.is_attributes(os.fsencode(path.name)):
            _check_size(at, path, objects.size(oid))
            content = objects.read_as(Kind.BLOB, oid, at_most=_LARGEST_ATTRIBUTES)
            _check_lines(at, path, content)


def check_trees(objects: ObjectDatabase, at: PurePosixPath, root: Oid) -> None:
    """Raise `GitstoreError` for trees below the code directory that `git fsck` reports.

    They would be in the snapshot unchanged: with modes that git does not write, or in another encoding.
    """
    pending, seen = [(root, PurePosixPath())], set[Oid]()
    while pending:
        oid, path = pending.pop()
        if oid in seen:
            continue
        seen.add(oid)
        content = objects.read_as(Kind.TREE, oid)
        entries = read_tree(objects, oid)
        code_entries = [entry for entry in entries if not is_beside(at, path / os.fsdecode(entry.name))]
        # The top is rewritten if it holds more than code.
        is_odd = tree.encode(entries) != content and (at != TOP or bool(path.parts))
        if is_odd or any(entry.mode not in _MODES for entry in code_entries):
            raise GitstoreError(
                f"{at / path}: its tree has a mode that git does not write, or is not encoded as git does it",
                "git fsck shows more; git add and git commit in a clone write it again",
            )
        pending += [(entry.oid, path / os.fsdecode(entry.name)) for entry in code_entries if entry.is_tree]


def _check_names(at: PurePosixPath, path: PurePosixPath) -> None:
    for depth, name in enumerate(path.parts):
        problem = tree.name_problem(os.fsencode(name))
        if problem is None and depth < len(path.parts) - 1 and tree.is_attributes(os.fsencode(name)):
            problem = "is a name that git reserves for a file"
        if problem is None and len(os.fsencode(name)) > _LONGEST_NAME:
            problem = f"is longer than {_LONGEST_NAME} bytes"
        if problem is not None:
            shown = at.joinpath(*path.parts[: depth + 1])
            raise GitstoreError(f"{shown}: {quoted(name)} {problem}", "rename, remove or ignore it")


def _check_link(scanned: WorkingFiles, path: PurePosixPath) -> None:
    _check_not_read_by_git(scanned.at, path)
    try:
        target = os.readlink(scanned.directory / path)  # noqa: PTH115 - Path would normalise it
    except OSError as error:
        raise unreadable(scanned.at / path, error) from error
    check_link(scanned.at, path, target)


def _check_not_read_by_git(at: PurePosixPath, path: PurePosixPath) -> None:
    if tree.is_read_by_git(os.fsencode(path.name)):
        raise GitstoreError(f"{at / path} is a link, which git does not follow", "replace it by a file")


def check_link(at: PurePosixPath, path: PurePosixPath, target: str) -> None:
    """Raise `GitstoreError` for a link at `path` of the code directory whose target is not code."""
    if leads_out(path, target) or is_beside(at, PurePosixPath(os.path.normpath(path.parent / target))):
        problem = "which is not code" if at == TOP else f"outside {at}/, which a snapshot cannot hold"
        raise GitstoreError(
            f"{at / path} is a link to {target}, {problem}",
            "replace it by a copy of the file, or ignore it",
        )


def _check_attributes_file(scanned: WorkingFiles, path: PurePosixPath, size: int) -> None:
    _check_size(scanned.at, path, size)
    try:
        content = (scanned.directory / path).read_bytes()
    except OSError as error:
        raise unreadable(scanned.at / path, error) from error
    _check_lines(scanned.at, path, content)


def _check_size(at: PurePosixPath, path: PurePosixPath, size: int) -> None:
    if size > _LARGEST_ATTRIBUTES:
        raise GitstoreError(f"{at / path} is larger than 100 MiB, which git refuses", "make it smaller")


def _check_lines(at: PurePosixPath, path: PurePosixPath, content: bytes) -> None:
    for number, line in enumerate(content.split(b"\n"), 1):
        if len(line) >= _LONGEST_LINE:
            raise GitstoreError(
                f"{at / path}:{number}: the line has {len(line)} bytes,"
                f" and git refuses {_LONGEST_LINE} and more",
                "make it shorter",
            )


def check_conversions(scanned: WorkingFiles, converted: Mapping[PurePosixPath, Conversion]) -> None:
    """Raise `GitstoreError` for files that a filter changes, or that git would not check out unchanged."""
    for path, conversion in sorted(converted.items()):
        shown = scanned.at / path
        if conversion.stored == conversion.raw:
            continue
        if conversion.is_filter:
            raise GitstoreError(
                f"{shown}: git would not store the bytes that are on disk ({conversion.cause}),"
                " but a snapshot must",
                f"add the line '{path.name} -filter' to {shown.parent}/.gitattributes, move the file into"
                " a state, or make git ignore it",
            )
        if conversion.returned != conversion.raw:
            raise GitstoreError(
                f"{shown}: git would not check out the bytes that are on disk ({conversion.cause})",
                "convert it to what git checks out, or add the line"
                f" '{path.name} -{_attribute(conversion)}' to {shown.parent}/.gitattributes",
            )


def _attribute(conversion: Conversion) -> str:
    """Return the attribute to unset so that git does not convert the file."""
    attribute = conversion.cause.partition("=")[0]
    return attribute if attribute in ("ident", "working-tree-encoding") else "text"


def list_warnings(
    scanned: WorkingFiles, converted: Mapping[PurePosixPath, Conversion]
) -> Iterator[GitstoreError]:
    """Yield one warning for each way in which the snapshot will differ from the disk."""
    stored = [path for path, conversion in converted.items() if conversion.stored != conversion.raw]
    if stored:
        yield GitstoreError(
            f"{_list_first(scanned, stored)}: the snapshot has what git stores, not what is on disk"
            f" ({converted[min(stored)].cause})",
            "git checkout and gitstore restore write what is on disk now",
        )
    returned = [path for path, conversion in converted.items() if conversion.stored == conversion.raw]
    if returned:
        yield GitstoreError(
            f"{_list_first(scanned, returned)}: git checkout and gitstore restore will not write"
            f" what is on disk now ({converted[min(returned)].cause})",
            "the snapshot has what is on disk",
        )
    if scanned.sparse:
        yield GitstoreError(
            f"{_list_first(scanned, scanned.sparse)}: not on disk (sparse checkout)",
            "the snapshot has what git's index has",
        )
    if scanned.unmerged:
        yield GitstoreError(
            f"{_list_first(scanned, scanned.unmerged)}: has a merge conflict",
            "the snapshot has what is on disk",
        )
    pointers = [
        path
        for path, file in scanned.files.items()
        if file.mode != Mode.LINK and lfs.is_pointer(scanned.directory / path, file.stamp.size)
    ]
    if pointers:
        yield GitstoreError(
            f"{_list_first(scanned, pointers)}: a Git LFS pointer, not the file itself",
            "git lfs pull brings the file",
        )


def _list_first(scanned: WorkingFiles, paths: Mapping[PurePosixPath, object] | list[PurePosixPath]) -> str:
    return list_some(scanned.at / path for path in sorted(paths))
