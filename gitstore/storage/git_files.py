"""Checking the files of a repository by what they say of themselves: checksums, ids, and where they lead.

Every object that is not in a pack, everything that git writes with a checksum at its end, reflogs and
alternates. Refs are for `ref_check`. Nothing is changed, and nothing that another process just replaces
is taken for damage: what seems wrong is looked at again.
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
"""Looks at a file, and says what is wrong with it, if anything is."""

_BLOCK = 1 << 20
_NO_CHECKSUM = bytes(20)  # index.skipHash, since git 2.40

_BESIDE_PACKS = ("*.rev", "*.bitmap", "*.mtimes", "multi-pack-index", "multi-pack-index.d/*.midx")
_COMMIT_GRAPHS = ("info/commit-graph", "info/commit-graphs/*.graph")

_LOGGED = re.compile(rb"([0-9a-f]{40}) ([0-9a-f]{40}) [^\n]*> \d+ [+-]\d{4}(?:\t[^\n]*)?")
_ZEROS = b"0" * 40


def problems(repository: Repository, progress: Progress = lambda _: None) -> list[str]:
    """What is wrong with the files of a repository, a line each. `progress` is called with objects read."""
    found = []
    for path, check in _checks(repository, progress):
        problem = _attempt(check, path)
        if problem is not None and _attempt(check, path) == problem:
            found.append(f"{path}: {problem}")
    return found


def _attempt(check: Check, path: Path) -> str | None:
    try:
        return check(path)
    except (FileNotFoundError, NotADirectoryError):
        return None  # gone since it was listed
    except OSError as error:
        return str(error.strerror)


def _checks(repository: Repository, progress: Progress) -> Iterator[tuple[Path, Check]]:
    """The files, and how each is checked."""
    objects = repository.objects
    for directory in (repository.common, *sorted(repository.common.glob("worktrees/*"))):
        again = f"rm {shlex.quote(str(directory / 'index'))}, then git reset makes it anew from the branch"
        yield directory / "index", partial(_check_sum, remedy=again)
        for path in sorted(directory.glob("sharedindex.*")):
            yield path, partial(_check_sum, remedy=again)
        for path in sorted((directory / "logs").rglob("*")):
            if path.is_file():
                yield path, partial(_check_log, objects)
    for pattern in _BESIDE_PACKS:
        for path in sorted((objects.directory / "pack").glob(pattern)):
            remove = f"rm {shlex.quote(str(path))}: git does without it, and makes it anew"
            yield path, partial(_check_sum, remedy=remove)
    for pattern in _COMMIT_GRAPHS:
        for path in sorted(objects.directory.glob(pattern)):
            yield path, partial(_check_sum, remedy="git commit-graph write --reachable makes it anew")
    yield objects.directory / "info" / "alternates", _check_alternates
    for oid, path in objects.loose():
        yield path, partial(_check_loose, oid)
        progress(1)


def _check_sum(path: Path, *, remedy: str) -> str | None:
    """Check a file that ends in the SHA-1 of all before it."""
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
    """Check a loose object: what it inflates to, header and all, must have its id."""
    return None if loose.is_sound(path, oid) else f"object {oid} is corrupt; {loose.remedy(path)}"


def _check_log(objects: ObjectDatabase, path: Path) -> str | None:
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        match = _LOGGED.fullmatch(line)
        if match is None:
            return f"line {number} is no entry of a reflog; an editor can remove it"
        for digits in match.groups():
            if digits != _ZEROS and Oid.parse(digits) not in objects:
                return f"line {number} mentions object {digits.decode()}, which is missing"
    return None


def _check_alternates(path: Path) -> str | None:
    """Check that what objects are borrowed from is there: git passes over what is not."""
    for line in path.read_bytes().splitlines():
        directory = path.parent.parent / line.decode("utf-8", "surrogateescape")
        if line and not line.startswith(b"#") and not directory.is_dir():
            return f"{directory} is not there, from which the repository borrows objects"
    return None
