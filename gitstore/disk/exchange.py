"""Replacing a directory on disk by another: the new one is written whole, then the two are exchanged.

Linux exchanges two names at one instant, renameat2(2). Where that is not to be had, the old directory
moves aside before the new one moves in. A crash between the two leaves it there, whole, and the `mend`
puts it back.
"""

from __future__ import annotations

import errno
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitstore.disk import directories, locks
from gitstore.disk.directories import remove_tree
from gitstore.disk.permissions import open_up
from gitstore.errors import GitstoreError

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_TAKEN = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
_NOT_TO_BE_HAD = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)

# How the name of what moved aside goes on, with a character that no state's name has.
_OLD = "~old"
_LEFT = re.compile(rf"\.([^~]+)({directories.NEW}[^~]*|{_OLD})")


@dataclass(frozen=True)
class Replacement:
    """A directory to fill, beside the place it is meant for."""

    directory: Path
    place: Path

    def put(self, check: Callable[[Path | None], None] = lambda _: None) -> None:
        """Let it take its place. What was there is deleted when the replacement ends.

        `check` gets the directory that was there, moved out of sight, or `None`. If it raises, all is as
        before. So what somebody did to it until the very exchange is seen.
        """
        open_up(self.directory)
        if not os.path.lexists(self.place):
            check(None)
            self._appear()
        elif exchange(self.directory, self.place):
            try:
                check(self.directory)
            except BaseException:
                exchange(self.directory, self.place)
                raise
        else:
            self.place.rename(_aside(self.place))
            check(_aside(self.place))  # which the end of the replacement moves back
            self._appear()

    def _appear(self) -> None:
        try:
            self.directory.rename(self.place)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            raise GitstoreError(
                f"{self.place} appeared meanwhile", "nothing was changed; run the same command again"
            ) from error


@contextmanager
def replacement(place: Path) -> Iterator[Replacement]:
    """A new directory that can take the place of another, whole. One that did not is gone at the end."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with directories.hidden(place.parent, place.name) as directory:
        try:
            yield Replacement(directory, place)
        finally:
            _settle(place)


def replace_if(
    path: Path, new: Path | None, check: Callable[[Path | None], None], *, aside: Path | None = None
) -> None:
    """Let the file `new` take the place of another, or none, if `check` of what was there raises nothing.

    If it does, all is as before. While it looks, what was there is at `new`, or `aside`. Raises
    `FileExistsError` if something has appeared where nothing was. Where names cannot be
    exchanged, an edit in the instant between the check and the renaming is lost.
    """
    if not os.path.lexists(path):
        check(None)
        if new is not None and not _rename(new, path, _RENAME_NOREPLACE):
            os.link(new, path, follow_symlinks=False)  # fails, too, if something has appeared
    elif new is None:
        old = aside or path.with_name(f".{path.name}{_OLD}")
        path.rename(old)
        try:
            check(old)
        except BaseException:
            old.rename(path)
            raise
        old.unlink()
    elif exchange(new, path):
        try:
            check(new)
        except BaseException:
            exchange(new, path)
            raise
    else:
        check(path)
        new.replace(path)


@contextmanager
def absence(place: Path) -> Iterator[Path]:
    """Take a directory out of sight, and yield where it is. It is deleted when the block ends well."""
    with locks.directory(place):  # under its hidden name, too, so that nobody takes it for abandoned
        out_of_sight = Path(tempfile.mkdtemp(prefix=f".{place.name}{directories.NEW}", dir=place.parent))
        out_of_sight.rmdir()
        place.rename(out_of_sight)  # a link, too, which cannot take the place of a directory
        try:
            yield out_of_sight
        except BaseException:
            out_of_sight.rename(place)
            raise
        _delete(out_of_sight)


def mend(parent: Path) -> None:
    """Put back, or remove, what killed commands left in a directory. While nobody else replaces there."""
    for path in parent.iterdir() if parent.is_dir() else ():
        found = _LEFT.fullmatch(path.name)
        if found is not None and found[2] == _OLD:
            _settle(parent / found[1])
        elif found is not None and path.is_dir():
            directories.remove_abandoned(path)  # a model may be about to write a state there
        elif found is not None:
            _delete(path)


def _settle(place: Path) -> None:
    """Deal with a directory that moved aside: it goes, unless nothing took its place."""
    aside = _aside(place)
    if os.path.lexists(place):
        _delete(aside)
    elif os.path.lexists(aside):
        aside.rename(place)


def _delete(path: Path) -> None:
    if os.path.lexists(path):
        remove_tree(path)


def _aside(place: Path) -> Path:
    return place.parent / f".{place.name}{_OLD}"


def rename_to_new(directory: Path, place: Path) -> bool:
    """Give a directory a name that nothing has yet, at one instant; False if something has it."""
    try:
        if _rename(directory, place, _RENAME_NOREPLACE):
            return True
        place.mkdir()  # which a rename can replace, as long as it is empty
    except FileExistsError:
        return False
    directory.rename(place)
    return True


def exchange(one: Path, other: Path) -> bool:
    """Exchange two names at one instant; False if the system cannot."""
    return _rename(one, other, _RENAME_EXCHANGE)


def _rename(one: Path, other: Path, flags: int) -> bool:
    """renameat2(2); False if the system does not have that, or not with these flags."""
    import ctypes

    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    paths = [os.fsencode(path) for path in (one, other)]
    if renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _NOT_TO_BE_HAD:
        return False
    raise OSError(number, os.strerror(number), str(other))
