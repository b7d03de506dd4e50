"""What a snapshot does not take as code, and what it takes with a warning."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath

from gitstore.errors import GitstoreError
from gitstore.layout import TOP
from gitstore.objects import lfs, tree
from gitstore.objects.conversion import Conversion
from gitstore.objects.stored import leads_out
from gitstore.objects.tree import Mode
from gitstore.objects.working_files import WorkingFiles, is_beside, unreadable

_LONGEST_LINE = 2048
_LARGEST_ATTRIBUTES = 100 * 1024 * 1024
"""Where `git fsck` begins to refuse attributes; attr.h of git."""


def check(found: WorkingFiles) -> None:
    """Raise `GitstoreError` for names that git refuses, links that lead out, and attributes too long."""
    for path, file in found.files.items():
        _check_names(found, path)
        if file.mode == Mode.LINK:
            _check_link(found, path)
        elif tree.is_attributes(os.fsencode(path.name)):
            _check_attributes(found, path, file.stamp.size)


def _check_names(found: WorkingFiles, path: PurePosixPath) -> None:
    for depth, name in enumerate(path.parts):
        problem = tree.name_problem(os.fsencode(name))
        if problem is None and depth < len(path.parts) - 1 and tree.is_attributes(os.fsencode(name)):
            problem = "is a name that git keeps for a file"
        if problem is not None:
            shown = found.at.joinpath(*path.parts[: depth + 1])
            raise GitstoreError(f"{shown}: {name!r} {problem}", "rename, remove or ignore it")


def _check_link(found: WorkingFiles, path: PurePosixPath) -> None:
    shown = found.at / path
    if tree.is_read_by_git(os.fsencode(path.name)):
        raise GitstoreError(f"{shown} is a link, which git does not follow", "put a file in its place")
    try:
        target = os.readlink(found.directory / path)  # noqa: PTH115 - Path would normalise it
    except OSError as error:
        raise unreadable(shown, error) from error
    check_link(found.at, path, target)


def check_link(at: PurePosixPath, path: PurePosixPath, target: str) -> None:
    """Raise `GitstoreError` for a link at `path` of the code directory whose target is no code."""
    if leads_out(path, target) or is_beside(at, PurePosixPath(os.path.normpath(path.parent / target))):
        where = "which is no code" if at == TOP else f"outside {at}/, which a snapshot cannot hold"
        raise GitstoreError(
            f"{at / path} is a link to {target}, {where}",
            "put a copy of the file in its place, or ignore it",
        )


def _check_attributes(found: WorkingFiles, path: PurePosixPath, size: int) -> None:
    shown = found.at / path
    if size > _LARGEST_ATTRIBUTES:
        raise GitstoreError(f"{shown} is larger than 100 MiB, which git refuses", "make it smaller")
    try:
        lines = (found.directory / path).read_bytes().split(b"\n")
    except OSError as error:
        raise unreadable(shown, error) from error
    for number, line in enumerate(lines, 1):
        if len(line) >= _LONGEST_LINE:
            raise GitstoreError(
                f"{shown}:{number}: the line has {len(line)} bytes, and git refuses {_LONGEST_LINE} and more",
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
    more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
    return f"{found.at / min(paths)}{more}"
