"""Files on disk that are to be stored, as they are found: what may be stored, and what is refused.

Links to files and directories are followed. What cannot be stored is refused before anything is
recorded.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from gitstore.errors import GitstoreError
from gitstore.objects import parts, tree
from gitstore.objects.stat_cache import Stamp
from gitstore.objects.stored import DEEPEST


class SourceFile(NamedTuple):
    """A file as it was found."""

    path: Path
    stamp: Stamp


class Listing(NamedTuple):
    """A directory as it was found: its files and directories by name."""

    files: dict[bytes, SourceFile]
    directories: dict[bytes, Listing]

    def walk(self) -> Iterator[SourceFile]:
        """All files below."""
        yield from self.files.values()
        for directory in self.directories.values():
            yield from directory.walk()

    @property
    def size(self) -> int:
        """Bytes of all files below."""
        return sum(file.stamp.size for file in self.walk())


def scan(directory: Path, ancestors: tuple[tuple[int, int], ...] = ()) -> Listing:
    """List all files below a directory, following links.

    Raises `GitstoreError` that names the path of a dangling link, a directory loop, a socket, device
    or pipe, a reserved name, or what cannot be read.
    """
    listing = Listing({}, {})
    status = _status(directory)
    identity = (status.st_dev, status.st_ino)
    if identity in ancestors:
        raise GitstoreError(f"{directory} leads back to a directory it lies in", "remove the link")
    if len(ancestors) > DEEPEST:
        raise GitstoreError(f"{directory} lies more than {DEEPEST} directories deep", "move it up")
    try:
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        raise GitstoreError(f"{directory}: {error.strerror}") from error
    for entry in entries:
        _enter(listing, Path(entry.path), os.fsencode(entry.name), (*ancestors, identity))
    return listing


def scan_each(paths: Iterable[Path]) -> Listing:
    """List files and directories as if they lay in one directory, by their names. Raises like `scan`."""
    listing = Listing({}, {})
    for path in paths:
        name = os.fsencode(path.absolute().name)
        if name in listing.files or name in listing.directories:
            raise GitstoreError(f"{path}: there is another file or directory with this name", "rename one")
        _enter(listing, path, name, ())
    return listing


def _enter(listing: Listing, path: Path, name: bytes, ancestors: tuple[tuple[int, int], ...]) -> None:
    """Add what is at a path to a listing."""
    _check_name(path, name)
    status = _status(path)
    if stat.S_ISDIR(status.st_mode):
        listing.directories[name] = scan(path, ancestors)
    elif stat.S_ISREG(status.st_mode):
        listing.files[name] = SourceFile(path, Stamp.of(status))
    else:
        raise GitstoreError(
            f"{path} is {_special(status.st_mode)}; a state holds plain files", "move it away"
        )


def _check_name(path: Path, name: bytes) -> None:
    problem = tree.name_problem(name)
    if problem is not None:
        raise GitstoreError(f"{path}: {path.name!r} {problem}", "rename or remove it")
    if path.name.endswith(parts.SUFFIX):
        raise GitstoreError(
            f"{path}: names that end in {parts.SUFFIX} are reserved for the parts of large files", "rename it"
        )


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError as error:
        if path.is_symlink():
            raise GitstoreError(
                f"{path} is a link to {path.readlink()}, which is not there", "mend or remove the link"
            ) from error
        raise GitstoreError(f"{path}: there is no such file or directory") from error
    except OSError as error:
        raise GitstoreError(f"{path}: {error.strerror}") from error


def _special(mode: int) -> str:
    kinds = {
        stat.S_IFSOCK: "a socket",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFBLK: "a device",
        stat.S_IFCHR: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "not a file")
