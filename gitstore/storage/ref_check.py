"""Checking refs and working copies: each can be read, and points to something that exists."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gitstore.errors import Corrupt
from gitstore.git import ref_files, worktrees
from gitstore.git.files import parse_link, read_common_directory
from gitstore.git.ref_files import DamagedRef
from gitstore.git.repository import Repository
from gitstore.objects import tag
from gitstore.objects.database import ObjectDatabase
from gitstore.packs.oid import Kind, Oid


class Findings(NamedTuple):
    """Problems, one line each, and notices: what is unusual, but may be somebody's intention."""

    problems: list[str]
    notices: list[str]


def check_refs(repository: Repository) -> Findings:
    """Check all refs, HEADs and working copies of a repository.

    What seems wrong is checked a second time, because another process may just have changed it.
    """
    first = _check_once(repository)
    if not any(first):
        return first
    repository.objects.refresh()
    second = _check_once(repository)
    return Findings(
        *(
            [line for line in lines if line in lines_before]
            for lines, lines_before in zip(second, first, strict=True)
        )
    )


def _check_once(repository: Repository) -> Findings:
    problems = [*_check_targets(repository), *_check_peeled(repository)]
    notices = [*_find_dangling(repository), *_find_vanished(repository)]
    for directory in (repository.common, *sorted(repository.common.glob("worktrees/*"))):
        findings = _check_head(repository, directory)
        problems += findings.problems
        notices += findings.notices
    for administration in worktrees.list_administrations(repository.common):
        if administration.damage is not None:
            problems.append(f"{administration.path}: {administration.damage}; git worktree prune removes it")
        else:
            problems += _check_commondir(administration.path, repository.common)
            notices += _check_working_copy(administration)
    return Findings(problems, notices)


def _check_targets(repository: Repository) -> Iterator[str]:
    listing = repository.refs.list_below("refs/")
    for damaged in listing.damaged:
        yield f"{damaged.message}; {damaged.hint}"
    for ref, oid in listing.refs.items():
        if oid not in repository.objects:
            yield f"{ref} points to object {oid}, which is missing"


def _check_peeled(repository: Repository) -> Iterator[str]:
    """Yield a problem for each tag whose target is wrong in packed-refs: git believes that file."""
    packed = repository.refs.packed()
    for ref, peeled in packed.list_peeled().items():
        if ref in packed.refs and peeled != (real := _peel(repository.objects, packed.refs[ref])):
            path = repository.common / "packed-refs"
            yield (
                f"{path}: {ref} points to {real}, but the file says {peeled};"
                " git pack-refs --all writes it again"
            )


def _peel(objects: ObjectDatabase, oid: Oid) -> Oid | None:
    """Follow tags to the object that they point to; `None` if that fails, which is reported elsewhere."""
    try:
        kind, content = objects.read(oid)
        while kind is Kind.TAG:
            oid = tag.read_target(content)[0]
            kind, content = objects.read(oid)
    except (Corrupt, ValueError):
        return None
    return oid


def _find_dangling(repository: Repository) -> Iterator[str]:
    loose = sorted(ref_files.list_loose(repository.common, "refs/"), key=lambda item: item[0])
    for ref, value in loose:
        if isinstance(value, str) and _is_unborn(repository, value):
            yield f"{repository.common / ref} points to {value}, which does not exist"


def _is_unborn(repository: Repository, ref: str) -> bool:
    try:
        return repository.refs.get(ref) is None
    except DamagedRef:
        return False  # reported as a damaged ref


def _find_vanished(repository: Repository) -> Iterator[str]:
    try:
        for vanished in repository.find_vanished():
            yield (
                f"{vanished.ref} was deleted or moved without gitstore;"
                f" it was {vanished.oid}: git update-ref {vanished.ref} {vanished.oid} restores it"
            )
    except Corrupt:
        return  # refs that cannot be read are reported


def _check_head(repository: Repository, directory: Path) -> Findings:
    """Check what a working copy, or a bare repository, has checked out."""
    if directory != repository.common and not (directory / "HEAD").exists():
        return Findings([], [])  # reported as a damaged working copy
    try:
        value = ref_files.read_loose(directory, "HEAD")
    except DamagedRef as error:
        return Findings([f"{error.message}; {error.hint}"], [])
    if isinstance(value, str):
        unborn = _is_unborn(repository, value) and repository.refs.list_below("refs/").refs
        notice = f"{directory / 'HEAD'} points to {value}, which does not exist: nothing is checked out"
        return Findings([], [notice] if unborn else [])
    missing = value is not None and value not in repository.objects
    return Findings([f"{directory / 'HEAD'} is at object {value}, which is missing"] if missing else [], [])


def _check_commondir(administration: Path, common: Path) -> Iterator[str]:
    if read_common_directory(administration) != common.resolve():
        yield f"{administration / 'commondir'} does not point to {common}; write ../.. into it"


def _check_working_copy(administration: worktrees.Administration) -> Iterator[str]:
    """Yield a notice if a working copy is not where git has recorded it, or has another repository."""
    path, directory = administration.path, administration.directory
    if directory is None or administration.locked is not None:
        return
    link = directory / ".git"
    try:
        git_directory = parse_link(link.read_bytes(), link)
    except OSError:
        yield f"{path}: its working copy {directory} is gone; git worktree prune removes the record"
        return
    if git_directory is None or git_directory.resolve() != path.resolve():
        yield f"{link} does not point to {path}; git worktree repair corrects it"
