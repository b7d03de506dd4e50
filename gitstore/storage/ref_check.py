"""Checking refs and working copies: whether each can be read, and leads to something that is there."""

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
    """What is wrong, a line each, and what a person may have wanted so, or damage may have brought about."""

    problems: list[str]
    notices: list[str]


def check(repository: Repository) -> Findings:
    """Check all refs, HEADs and working copies of a repository.

    What seems wrong is looked at again: another process may just have changed it.
    """
    first = _check(repository)
    if not any(first):
        return first
    repository.objects.refresh()
    second = _check(repository)
    return Findings(
        *([line for line in now if line in before] for now, before in zip(second, first, strict=True))
    )


def _check(repository: Repository) -> Findings:
    problems = [*_ref_problems(repository), *_packed_problems(repository)]
    notices = [*_dangling(repository), *_vanished(repository)]
    for directory in (repository.common, *sorted(repository.common.glob("worktrees/*"))):
        found = _check_head(repository, directory)
        problems += found.problems
        notices += found.notices
    for each in worktrees.list_administrations(repository.common):
        if each.damage is not None:
            problems.append(f"{each.path}: {each.damage}; git worktree prune removes it")
        else:
            problems += _link_problems(each.path, repository.common)
            notices += _gone(each)
    return Findings(problems, notices)


def _ref_problems(repository: Repository) -> Iterator[str]:
    found = repository.refs.list_below("refs/")
    for damaged in found.damaged:
        yield f"{damaged.message}; {damaged.hint}"
    for ref, oid in found.refs.items():
        if oid not in repository.objects:
            yield f"{ref} leads to object {oid}, which is missing"


def _packed_problems(repository: Repository) -> Iterator[str]:
    """Tags of which packed-refs says that they lead somewhere else: git believes it."""
    for ref, packed in repository.refs.packed().refs.items():
        if packed.peeled is not None and packed.peeled != (real := _peeled(repository.objects, packed.oid)):
            path = repository.common / "packed-refs"
            yield (
                f"{path}: {ref} is said to lead to {packed.peeled}, but leads to {real};"
                " git pack-refs --all writes it anew"
            )


def _peeled(objects: ObjectDatabase, oid: Oid) -> Oid | None:
    """What a tag leads to in the end; `None` if that cannot be told, which is a problem of its own."""
    try:
        kind, content = objects.read(oid)
        while kind is Kind.TAG:
            oid = tag.target(content)[0]
            kind, content = objects.read(oid)
    except (Corrupt, ValueError):
        return None
    return oid


def _dangling(repository: Repository) -> Iterator[str]:
    for ref, value in sorted(ref_files.list_loose(repository.common, "refs/"), key=lambda each: each[0]):
        if isinstance(value, str) and _leads_nowhere(repository, value):
            yield f"{repository.common / ref} leads to {value}, which is not there"


def _leads_nowhere(repository: Repository, ref: str) -> bool:
    try:
        return repository.refs.get(ref) is None
    except DamagedRef:
        return False  # told by itself


def _vanished(repository: Repository) -> Iterator[str]:
    try:
        for each in repository.vanished():
            yield (
                f"{each.ref} vanished or was moved, not by gitstore;"
                f" it was {each.oid}: git update-ref {each.ref} {each.oid} restores it"
            )
    except Corrupt:
        return  # of refs that cannot be read, which are told


def _check_head(repository: Repository, directory: Path) -> Findings:
    """Check what a working copy, or a bare repository, has checked out."""
    if directory != repository.common and not (directory / "HEAD").exists():
        return Findings([], [])  # told as a damaged working copy
    try:
        value = ref_files.read_loose(directory, "HEAD")
    except DamagedRef as error:
        return Findings([f"{error.message}; {error.hint}"], [])
    if isinstance(value, str):
        unborn = _leads_nowhere(repository, value) and repository.refs.list_below("refs/").refs
        said = [f"{directory / 'HEAD'} leads to {value}, which is not there: nothing is checked out"]
        return Findings([], said if unborn else [])
    missing = value is not None and value not in repository.objects
    return Findings([f"{directory / 'HEAD'} is at object {value}, which is missing"] if missing else [], [])


def _link_problems(administration: Path, common: Path) -> Iterator[str]:
    if read_common_directory(administration) != common.resolve():
        yield f"{administration / 'commondir'} does not lead to {common}; write ../.. into it"


def _gone(each: worktrees.Administration) -> Iterator[str]:
    """Working copies that are not where git has noted them, or belong to another repository now."""
    if each.directory is None or each.locked is not None:
        return
    try:
        git_directory = parse_link((each.directory / ".git").read_bytes(), each.directory / ".git")
    except OSError:
        yield f"{each.path}: its working copy {each.directory} is gone; git worktree prune forgets it"
        return
    if git_directory is None or git_directory.resolve() != each.path.resolve():
        yield f"{each.directory / '.git'} does not lead to {each.path}; git worktree repair writes it anew"
