"""Checking git's own files: loose objects, files that end in a checksum, reflogs and alternates.

`ref_check` checks the refs. Nothing is changed. A file that seems damaged is checked twice, because another
process may just be replacing it.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from gitstore.git.repository import Repository
from gitstore.objects.database import ObjectDatabase
from gitstore.packs import loose
from gitstore.packs.oid import Oid
from gitstore.progress import Progress

Check = Callable[[Path], str | None]
"""Checks a file, and returns what is wrong with it; `None` if nothing is."""

_BLOCK = 1 << 20
_NO_CHECKSUM = bytes(20)  # index.skipHash, since git 2.40

_BESIDE_PACKS = ("*.rev", "*.bitmap", "*.mtimes", "multi-pack-index", "multi-pack-index.d/*.midx")
_COMMIT_GRAPHS = ("info/commit-graph", "info/commit-graphs/*.graph")

_LOGGED = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) [^\n]*> \d+ [+-]\d{4}(?:\t[^\n]*)?")
_ZEROS = b"0" * 40


def find_problems(repository: Repository, progress: Progress = lambda _: None) -> list[str]:
    """Return the problems of the files, one line each. `progress` is called with 1 for each loose object."""
    problems = []
    for path, check in _list_checks(repository, progress):
        problem = _run_check(check, path)
        if problem is not None and _run_check(check, path) == problem:
            problems.append(f"{path}: {problem}")
    return problems


def _run_check(check: Check, path: Path) -> str | None:
    try:
        return check(path)
    except (FileNotFoundError, NotADirectoryError):
        return None  # gone since it was listed
    except OSError as error:
        return str(error.strerror)


def _list_checks(repository: Repository, progress: Progress) -> Iterator[tuple[Path, Check]]:
    """Yield the files, each with its check."""
    objects = repository.objects
    for directory in (repository.common, *sorted(repository.common.glob("worktrees/*"))):
        remake = f"rm {shlex.quote(str(directory / 'index'))}, then git reset rebuilds it from the branch"
        yield directory / "index", partial(_check_checksum, remedy=remake)
        for path in sorted(directory.glob("sharedindex.*")):
            yield path, partial(_check_checksum, remedy=remake)
        for path in sorted((directory / "logs").rglob("*")):
            if path.is_file():
                yield path, partial(_check_log, objects)
    for pattern in _BESIDE_PACKS:
        for path in sorted((objects.directory / "pack").glob(pattern)):
            remove = f"rm {shlex.quote(str(path))}; git works without it, and writes it again"
            yield path, partial(_check_checksum, remedy=remove)
    for pattern in _COMMIT_GRAPHS:
        for path in sorted(objects.directory.glob(pattern)):
            yield path, partial(_check_checksum, remedy="git commit-graph write --reachable writes it again")
    yield objects.directory / "info" / "alternates", _check_alternates
    for oid, path in objects.list_loose():
        yield path, partial(_check_loose, oid)
        progress(1)


def _check_checksum(path: Path, *, remedy: str) -> str | None:
    """Check a file that ends in the SHA-1 of everything before it."""
    digest, tail = hashlib.sha1(), b""
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            data = tail + block
            digest.update(data[:-20])
            tail = data[-20:]
    if digest.digest() == tail or (tail == _NO_CHECKSUM and path.name.endswith("index")):
        return None
    return f"its checksum is wrong; {remedy}"


def _check_loose(oid: Oid, path: Path) -> str | None:
    """Check a loose object: its inflated content, with the header, must have its id."""
    return None if loose.is_sound(path, oid) else f"object {oid} is corrupt; {loose.remedy(path)}"


def _check_log(objects: ObjectDatabase, path: Path) -> str | None:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        match = _LOGGED.fullmatch(line)
        if match is None:
            return f"line {number} is not an entry of a reflog; remove the line with an editor"
        for digits in match.groups():
            if digits != _ZEROS and Oid.parse(digits) not in objects:
                return f"line {number} mentions object {digits.decode()}, which is missing"
    return None


def _check_alternates(path: Path) -> str | None:
    """Check that every alternate exists, because git silently skips one that does not."""
    for line in path.read_bytes().splitlines():
        directory = path.parent.parent / line.decode("utf-8", "surrogateescape")
        if line and not line.startswith(b"#") and not directory.is_dir():
            return f"{directory}, from which the repository borrows objects, does not exist"
    return None
