"""Listing files on disk that are to be stored, and refusing what cannot be stored.

Links to files and directories are followed. Whatever cannot be stored is refused before anything is recorded.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from gitstore.bigfiles import parts
from gitstore.bigfiles.stat_cache import Stamp
from gitstore.bigfiles.stored import DEEPEST
from gitstore.errors import FileChanged, GitstoreError
from gitstore.objects import tree
from gitstore.packs import limits
from gitstore.text import quoted, shown

T = TypeVar("T")

_Identity = tuple[int, int]
"""The device and inode number of a directory."""


MOST_RELISTED = 10_000
"""The most files and directories that are listed again because several links lead to their directory.

Without this limit, twenty directories with two links each would have a million paths.
"""


class SourceFile(NamedTuple):
    """The path of a file, and its stamp when it was listed."""

    path: Path
    stamp: Stamp


class Listing(NamedTuple):
    """The files and directories of the directory at `path`, by name, as they were when it was listed.

    `path` is `None` if they come from several places.
    """

    files: dict[bytes, SourceFile]
    directories: dict[bytes, Listing]
    path: Path | None = None

    def walk(self) -> Iterator[SourceFile]:
        """Yield all files below."""
        yield from self.files.values()
        for directory in self.directories.values():
            yield from directory.walk()

    @property
    def size(self) -> int:
        """The bytes of all files below."""
        return sum(file.stamp.size for file in self.walk())


def scan_directory(directory: Path) -> Listing:
    """List all files below a directory, following links.

    Raises `GitstoreError`, which names the path, for a dangling link, a directory loop, a socket, device or
    pipe, a reserved name, an unreadable file, too many links to the same directories, or too many files.
    """
    return _Scan().list_directory(directory)


def scan_paths(paths: Iterable[Path]) -> Listing:
    """List files and directories, by their names, as if they lay in one directory.

    Raises like `scan_directory`, and `GitstoreError` for two of the same name.
    """
    listing, scan = Listing({}, {}), _Scan()
    for path in paths:
        name = os.fsencode(path.absolute().name)
        if name in listing.files or name in listing.directories:
            raise GitstoreError(f"{path}: there is another file or directory with this name", "rename one")
        scan.add_path(listing, path, name=name)
    return listing


def check_unchanged(listing: Listing) -> None:
    """Raise `FileChanged` if a new listing of the same places would differ.

    If each file was read at its settled stamp, they all had the contents that were read at the same time.
    """
    path = find_change(listing, _scan_again(listing))
    if path is not None:
        raise FileChanged(path)


def find_change(before: Listing, after: Listing) -> Path | None:
    """Return the path of the first file or directory that differs between two listings, or is in one only.

    The places of the listings do not count, so the directory may have been renamed.
    """
    for name in sorted(before.files.keys() | after.files.keys()):
        old, new = before.files.get(name), after.files.get(name)
        if old is None or new is None or old.stamp != new.stamp:
            return _pick(old, new).path
    for name in sorted(before.directories.keys() | after.directories.keys()):
        old_directory, new_directory = before.directories.get(name), after.directories.get(name)
        if old_directory is None or new_directory is None:
            return _pick(old_directory, new_directory).path
        path = find_change(old_directory, new_directory)
        if path is not None:
            return path
    return None


def has_file(directory: Path) -> bool:
    """Whether there is anything but directories below a directory.

    Raises `GitstoreError` if a directory cannot be read.
    """
    try:
        for folder, folders, names in os.walk(directory, onerror=_raise):
            if names or any(Path(folder, name).is_symlink() for name in folders):
                return True
    except OSError as error:
        raise _unreadable(str(error.filename), error) from error
    return False


class _Scan:
    """One scan, which counts what it lists again because several links lead to the same directory."""

    def __init__(self) -> None:
        self._entries = 0
        self._sizes: dict[_Identity, int] = {}
        self._again = 0

    def list_directory(
        self, path: Path, ancestors: tuple[_Identity, ...] = (), *, again: bool = False
    ) -> Listing:
        """List a directory below `ancestors`. With `again`, one of these was listed before."""
        status = _read_status(path)
        identity = (status.st_dev, status.st_ino)
        if identity in ancestors:
            raise GitstoreError(f"{path} leads back to a directory it lies in", "remove the link")
        if len(ancestors) > DEEPEST:
            raise GitstoreError(f"{shown(str(path))} lies more than {DEEPEST} directories deep", "move it up")
        if identity in self._sizes and not again:
            again = True
            self._count_again(path, self._sizes[identity])
        listing, before, names = Listing({}, {}, path), self._entries, _list_names(path)
        limits.check_paths(self._entries + len(names), path)  # before the status of any file is read
        for name in names:
            self.add_path(
                listing,
                path / name,
                name=os.fsencode(name),
                ancestors=(*ancestors, identity),
                again=again,
            )
        self._sizes[identity] = self._entries - before
        return listing

    def add_path(
        self,
        listing: Listing,
        path: Path,
        *,
        name: bytes,
        ancestors: tuple[_Identity, ...] = (),
        again: bool = False,
    ) -> None:
        """Add the file or directory at a path to a listing."""
        self._entries += 1
        limits.check_paths(self._entries, path.parent)
        _check_name(path, name)
        status = _read_status(path)
        if stat.S_ISDIR(status.st_mode):
            _check_directory(path, name)
            listing.directories[name] = self.list_directory(path, ancestors, again=again)
        elif stat.S_ISREG(status.st_mode):
            listing.files[name] = SourceFile(path, Stamp.of(status))
        else:
            raise GitstoreError(
                f"{path} is {_name_kind(status.st_mode)}; a state holds plain files", "move it away"
            )

    def _count_again(self, path: Path, entries: int) -> None:
        """Raise `GitstoreError` before too much is listed again."""
        self._again += entries
        if self._again > MOST_RELISTED:
            raise GitstoreError(
                f"{path}: several links to the same directories lead to over {MOST_RELISTED} more files",
                "remove the links that are not needed, or make copies of what they lead to",
            )


def _list_names(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208 - names are all that is needed
    except OSError as error:
        raise _unreadable(str(directory), error) from error


def _scan_again(listing: Listing) -> Listing:
    """List the same places as a listing again."""
    if listing.path is not None:
        return scan_directory(listing.path)
    directories = (entry.path for entry in listing.directories.values() if entry.path is not None)
    return scan_paths([*(file.path for file in listing.files.values()), *directories])


def _pick(old: T | None, new: T | None) -> T:
    """Return the old value, or the new one if there is no old one."""
    value = old if old is not None else new
    if value is None:
        raise ValueError("both values are None")
    return value


def _check_name(path: Path, name: bytes) -> None:
    problem = tree.name_problem(name)
    if problem is not None:
        raise GitstoreError(f"{path}: {path.name!r} {problem}", "rename or remove it")
    suffix = parts.find_suffix(name).decode()
    if suffix:
        raise GitstoreError(
            f"{path}: names that end in {suffix} are reserved for the parts of large files", "rename it"
        )


def _check_directory(path: Path, name: bytes) -> None:
    if tree.is_attributes(name):
        raise GitstoreError(
            f"{path}: a directory must not be called {path.name!r}, which git keeps for a file", "rename it"
        )


def _read_status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError as error:
        if path.is_symlink():
            raise GitstoreError(
                f"{path} is a link to {path.readlink()}, which does not exist", "repair or remove the link"
            ) from error
        raise GitstoreError(f"{path}: there is no such file or directory") from error
    except OSError as error:
        raise _unreadable(str(path), error) from error


def _unreadable(path: str, error: OSError) -> GitstoreError:
    """Return the error for a file or directory that cannot be read."""
    if error.errno == errno.ENAMETOOLONG:
        return GitstoreError(
            f"{quoted(path)}: this path has {len(os.fsencode(path))} bytes, which is too long for the system",
            "rename its directories, or move it up",
        )
    return GitstoreError(f"{path}: {error.strerror}")


def _raise(error: OSError) -> None:
    raise error


def _name_kind(mode: int) -> str:
    kinds = {
        stat.S_IFSOCK: "a socket",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFBLK: "a device",
        stat.S_IFCHR: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "not a file")
