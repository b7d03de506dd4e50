"""What a snapshot does not take as code, and what it takes with a warning."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from gitstore.bigfiles import lfs, stored
from gitstore.bigfiles.stored import FileEntry, leads_out
from gitstore.errors import GitstoreError
from gitstore.layout import TOP
from gitstore.objects import tree
from gitstore.objects.database import ObjectDatabase
from gitstore.objects.paths import read_tree
from gitstore.objects.tree import Mode
from gitstore.packs.oid import Kind, Oid
from gitstore.staging.conversion import Conversion
from gitstore.staging.working_files import WorkingFiles, is_beside, unreadable
from gitstore.text import list_some, quoted

_LONGEST_LINE = 2048
_LARGEST_ATTRIBUTES = 100 * 1024 * 1024
"""Where `git fsck` begins to refuse attributes; attr.h of git."""

_LONGEST_NAME = 255
"""What file systems take; git's fsck.largePathname allows 4096."""

_MODES = frozenset(Mode)


def check(found: WorkingFiles) -> None:
    """Raise `GitstoreError` for names that git refuses, links that lead out, and attributes too long.

    What a sparse checkout leaves out is in the snapshot, too.
    """
    for path, file in found.files.items():
        _check_names(found.at, path)
        if file.mode == Mode.LINK:
            _check_link(found, path)
        elif tree.is_attributes(os.fsencode(path.name)):
            _check_attributes_file(found, path, file.stamp.size)
    check_stored(found.repository.objects, found.at, found.sparse)


def check_stored(
    objects: ObjectDatabase, at: PurePosixPath, files: Mapping[PurePosixPath, FileEntry]
) -> None:
    """The same for code that git has, at `at` of a tree. Raises `Corrupt`, too."""
    for path, (mode, oid) in files.items():
        _check_names(at, path)
        if mode == Mode.LINK:
            _check_is_followed(at, path)
            check_link(at, path, stored.link_goal(objects, oid))
        elif tree.is_attributes(os.fsencode(path.name)):
            _check_size(at, path, objects.size(oid))
            content = objects.read_as(Kind.BLOB, oid, at_most=_LARGEST_ATTRIBUTES)
            _check_lines(at, path, content)


def check_trees(objects: ObjectDatabase, at: PurePosixPath, root: Oid) -> None:
    """Raise `GitstoreError` for trees below the code directory that `git fsck` complains of.

    They would be in the snapshot as they are: with modes that git does not write, or written otherwise.
    """
    waiting, seen = [(root, PurePosixPath())], set[Oid]()
    while waiting:
        oid, path = waiting.pop()
        if oid in seen:
            continue
        seen.add(oid)
        content = objects.read_as(Kind.TREE, oid)
        entries = read_tree(objects, oid)
        kept = [entry for entry in entries if not is_beside(at, path / os.fsdecode(entry.name))]
        # The top is written anew where it holds more than code.
        is_odd = tree.encode(entries) != content and (at != TOP or bool(path.parts))
        if is_odd or any(entry.mode not in _MODES for entry in kept):
            raise GitstoreError(
                f"{at / path}: its tree has a mode that git does not write, or is not written as git does",
                "git fsck tells more; git add and git commit in a clone write it anew",
            )
        waiting += [(entry.oid, path / os.fsdecode(entry.name)) for entry in kept if entry.is_tree]


def _check_names(at: PurePosixPath, path: PurePosixPath) -> None:
    for depth, name in enumerate(path.parts):
        problem = tree.name_problem(os.fsencode(name))
        if problem is None and depth < len(path.parts) - 1 and tree.is_attributes(os.fsencode(name)):
            problem = "is a name that git keeps for a file"
        if problem is None and len(os.fsencode(name)) > _LONGEST_NAME:
            problem = f"is longer than {_LONGEST_NAME} bytes"
        if problem is not None:
            shown = at.joinpath(*path.parts[: depth + 1])
            raise GitstoreError(f"{shown}: {quoted(name)} {problem}", "rename, remove or ignore it")


def _check_link(found: WorkingFiles, path: PurePosixPath) -> None:
    _check_is_followed(found.at, path)
    try:
        target = os.readlink(found.directory / path)  # noqa: PTH115 - Path would normalise it
    except OSError as error:
        raise unreadable(found.at / path, error) from error
    check_link(found.at, path, target)


def _check_is_followed(at: PurePosixPath, path: PurePosixPath) -> None:
    if tree.is_read_by_git(os.fsencode(path.name)):
        raise GitstoreError(f"{at / path} is a link, which git does not follow", "put a file in its place")


def check_link(at: PurePosixPath, path: PurePosixPath, target: str) -> None:
    """Raise `GitstoreError` for a link at `path` of the code directory whose target is no code."""
    if leads_out(path, target) or is_beside(at, PurePosixPath(os.path.normpath(path.parent / target))):
        where = "which is no code" if at == TOP else f"outside {at}/, which a snapshot cannot hold"
        raise GitstoreError(
            f"{at / path} is a link to {target}, {where}",
            "put a copy of the file in its place, or ignore it",
        )


def _check_attributes_file(found: WorkingFiles, path: PurePosixPath, size: int) -> None:
    _check_size(found.at, path, size)
    try:
        content = (found.directory / path).read_bytes()
    except OSError as error:
        raise unreadable(found.at / path, error) from error
    _check_lines(found.at, path, content)


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


def check_conversions(found: WorkingFiles, converted: Mapping[PurePosixPath, Conversion]) -> None:
    """Raise `GitstoreError` for files that a filter changes, or that git would not give back as they are."""
    for path, each in sorted(converted.items()):
        shown = found.at / path
        if each.stored == each.raw:
            continue
        if each.is_filter:
            raise GitstoreError(
                f"{shown}: git would store something else than what is on disk ({each.cause}),"
                " which a snapshot must not",
                f"write the line '{path.name} -filter' into {shown.parent}/.gitattributes, move the file into"
                " a state, or make git ignore it",
            )
        if each.returned != each.raw:
            raise GitstoreError(
                f"{shown}: git would not give back the bytes that are on disk ({each.cause})",
                f"convert it to what git gives back, or write the line '{path.name} -{_to_unset(each)}'"
                f" into {shown.parent}/.gitattributes",
            )


def _to_unset(conversion: Conversion) -> str:
    """The attribute without which git leaves a file as it is."""
    attribute = conversion.cause.partition("=")[0]
    return attribute if attribute in ("ident", "working-tree-encoding") else "text"


def warnings(found: WorkingFiles, converted: Mapping[PurePosixPath, Conversion]) -> Iterator[GitstoreError]:
    """What a snapshot has otherwise than it is on disk, by permission, one of each kind."""
    stored = [path for path, each in converted.items() if each.stored != each.raw]
    if stored:
        yield GitstoreError(
            f"{_first(found, stored)}: the snapshot has what git stores, not what is on disk"
            f" ({converted[min(stored)].cause})",
            "git checkout and gitstore restore give back what is on disk",
        )
    returned = [path for path, each in converted.items() if each.stored == each.raw]
    if returned:
        yield GitstoreError(
            f"{_first(found, returned)}: git checkout and gitstore restore will give back something else"
            f" than what is on disk ({converted[min(returned)].cause})",
            "the snapshot has what is on disk",
        )
    if found.sparse:
        yield GitstoreError(
            f"{_first(found, found.sparse)}: not on disk (sparse checkout)",
            "the snapshot has what git's index has",
        )
    if found.unmerged:
        yield GitstoreError(
            f"{_first(found, found.unmerged)}: has a merge conflict", "the snapshot has what is on disk"
        )
    pointers = [
        path
        for path, file in found.files.items()
        if file.mode != Mode.LINK and lfs.is_pointer(found.directory / path, file.stamp.size)
    ]
    if pointers:
        yield GitstoreError(
            f"{_first(found, pointers)}: a Git LFS pointer, not the file itself",
            "git lfs pull brings the file",
        )


def _first(found: WorkingFiles, paths: Mapping[PurePosixPath, object] | list[PurePosixPath]) -> str:
    return list_some(found.at / path for path in sorted(paths))
