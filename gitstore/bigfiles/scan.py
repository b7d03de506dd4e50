"""Files on disk that are to be stored, as they are found: what may be stored, and what is refused.

Links to files and directories are followed. What cannot be stored is refused before anything is
recorded.
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


MOST_AGAIN = 10_000
"""Files and directories listed again, at the most, because several links lead to their directory.

Without a bound, twenty directories with two links each have a million paths.
"""


class SourceFile(NamedTuple):
    """A file as it was found."""

    path: Path
    stamp: Stamp


class Listing(NamedTuple):
    """A directory as it was found at `path`: its files and directories by name.

    `path` is `None` if it is put together from several places.
    """

    files: dict[bytes, SourceFile]
    directories: dict[bytes, Listing]
    path: Path | None = None

    def walk(self) -> Iterator[SourceFile]:
        """All files below."""
        yield from self.files.values()
        for directory in self.directories.values():
            yield from directory.walk()

    @property
    def size(self) -> int:
        """Bytes of all files below."""
        return sum(file.stamp.size for file in self.walk())


def scan(directory: Path) -> Listing:
    """List all files below a directory, following links.

    Raises `GitstoreError` that names the path of a dangling link, a directory loop, a socket, device
    or pipe, a reserved name, what cannot be read, too many links to the same directories, or too many files.
    """
    return _Scan().directory(directory)


def scan_each(paths: Iterable[Path]) -> Listing:
    """List files and directories as if they lay in one directory, by their names. Raises like `scan`."""
    listing, current = Listing({}, {}), _Scan()
    for path in paths:
        name = os.fsencode(path.absolute().name)
        if name in listing.files or name in listing.directories:
            raise GitstoreError(f"{path}: there is another file or directory with this name", "rename one")
        current.enter(listing, path, name=name)
    return listing


def check_unchanged(listing: Listing) -> None:
    """Raise `FileChanged` unless a listing is what would be found now.

    If each file was read at its settled stamp, then all of them had the content that was read at one time.
    """
    path = changed_path(listing, _scan_again(listing))
    if path is not None:
        raise FileChanged(path)


def changed_path(before: Listing, now: Listing) -> Path | None:
    """The path of the first file or directory that is in one of two listings, or differs, if any does.

    Where the two were found does not count, so a directory may have been renamed.
    """
    for name in sorted(before.files.keys() | now.files.keys()):
        old, new = before.files.get(name), now.files.get(name)
        if old is None or new is None or old.stamp != new.stamp:
            return _one(old, new).path
    for name in sorted(before.directories.keys() | now.directories.keys()):
        here, there = before.directories.get(name), now.directories.get(name)
        if here is None or there is None:
            return _one(here, there).path
        path = changed_path(here, there)
        if path is not None:
            return path
    return None


def has_file(directory: Path) -> bool:
    """Whether there is anything below a directory but directories.

    Raises `GitstoreError` if a directory cannot be read.
    """
    try:
        for folder, folders, names in os.walk(directory, onerror=_raise):
            if names or any(Path(folder, each).is_symlink() for each in folders):
                return True
    except OSError as error:
        raise _unreadable(str(error.filename), error) from error
    return False


class _Scan:
    """One look at directories, which counts what it lists again because several links lead there."""

    def __init__(self) -> None:
        self._entries = 0
        self._sizes: dict[_Identity, int] = {}
        self._again = 0

    def directory(self, path: Path, ancestors: tuple[_Identity, ...] = (), *, again: bool = False) -> Listing:
        """List a directory that was found below `ancestors`, of which one was listed before if `again`."""
        status = _status(path)
        identity = (status.st_dev, status.st_ino)
        if identity in ancestors:
            raise GitstoreError(f"{path} leads back to a directory it lies in", "remove the link")
        if len(ancestors) > DEEPEST:
            raise GitstoreError(f"{shown(str(path))} lies more than {DEEPEST} directories deep", "move it up")
        if identity in self._sizes and not again:
            again = True
            self._count_again(path, self._sizes[identity])
        listing, before, names = Listing({}, {}, path), self._entries, _names(path)
        limits.check_paths(self._entries + len(names), path)  # before each is looked at
        for name in names:
            self.enter(
                listing,
                path / name,
                name=os.fsencode(name),
                ancestors=(*ancestors, identity),
                again=again,
            )
        self._sizes[identity] = self._entries - before
        return listing

    def enter(
        self,
        listing: Listing,
        path: Path,
        *,
        name: bytes,
        ancestors: tuple[_Identity, ...] = (),
        again: bool = False,
    ) -> None:
        """Add what is at a path to a listing."""
        self._entries += 1
        limits.check_paths(self._entries, path.parent)
        _check_name(path, name)
        status = _status(path)
        if stat.S_ISDIR(status.st_mode):
            _check_directory(path, name)
            listing.directories[name] = self.directory(path, ancestors, again=again)
        elif stat.S_ISREG(status.st_mode):
            listing.files[name] = SourceFile(path, Stamp.of(status))
        else:
            raise GitstoreError(
                f"{path} is {_special(status.st_mode)}; a state holds plain files", "move it away"
            )

    def _count_again(self, path: Path, entries: int) -> None:
        """Raise `GitstoreError` before too much is listed again."""
        self._again += entries
        if self._again > MOST_AGAIN:
            raise GitstoreError(
                f"{path}: several links to the same directories lead to over {MOST_AGAIN} more files",
                "remove the links that are not needed, or make copies of what they lead to",
            )


def _names(directory: Path) -> list[str]:
    try:
        return sorted(os.listdir(directory))  # noqa: PTH208 - names are all that is needed
    except OSError as error:
        raise _unreadable(str(directory), error) from error


def _scan_again(listing: Listing) -> Listing:
    """List again what a listing was made of."""
    if listing.path is not None:
        return scan(listing.path)
    inner = (each.path for each in listing.directories.values() if each.path is not None)
    return scan_each([*(file.path for file in listing.files.values()), *inner])


def _one(old: T | None, new: T | None) -> T:
    """The one of two that there is."""
    found = old if old is not None else new
    if found is None:
        raise ValueError("neither is there")
    return found


def _check_name(path: Path, name: bytes) -> None:
    problem = tree.name_problem(name)
    if problem is not None:
        raise GitstoreError(f"{path}: {path.name!r} {problem}", "rename or remove it")
    if path.name.endswith(parts.SUFFIX):
        raise GitstoreError(
            f"{path}: names that end in {parts.SUFFIX} are reserved for the parts of large files", "rename it"
        )


def _check_directory(path: Path, name: bytes) -> None:
    if tree.is_attributes(name):
        raise GitstoreError(
            f"{path}: a directory must not be called {path.name!r}, which git keeps for a file", "rename it"
        )


def _status(path: Path) -> os.stat_result:
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
    """Why a file or directory cannot be read."""
    if error.errno == errno.ENAMETOOLONG:
        return GitstoreError(
            f"{quoted(path)}: this path has {len(os.fsencode(path))} bytes, which is too long for the system",
            "rename its directories, or move it up",
        )
    return GitstoreError(f"{path}: {error.strerror}")


def _raise(error: OSError) -> None:
    raise error


def _special(mode: int) -> str:
    kinds = {
        stat.S_IFSOCK: "a socket",
        stat.S_IFIFO: "a named pipe",
        stat.S_IFBLK: "a device",
        stat.S_IFCHR: "a device",
    }
    return kinds.get(stat.S_IFMT(mode), "not a file")
