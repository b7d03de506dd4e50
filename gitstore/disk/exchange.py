"""Replacing a directory or file on disk by another: the new one is written whole, then the two are exchanged.

Linux exchanges two names atomically, renameat2(2). Where the system cannot, the old directory moves aside
before the new one takes its place. A crash between the two steps leaves the old directory whole, and `repair`
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
from gitstore.disk.hidden_names import NEW, OLD, new_prefix, old_path
from gitstore.disk.permissions import open_up
from gitstore.errors import GitstoreError

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCHANGE = 2
_OCCUPIED = (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR)
_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP)

_LEFTOVER = re.compile(rf"\.([^~]+)({NEW}-[^~]*|{OLD})")

Check = Callable[[Path | None], None]
"""Called with the path of what is being replaced, `None` if nothing is. May raise to prevent it."""


@dataclass(frozen=True)
class Replacement:
    """A directory to fill, beside the place that it is meant for."""

    directory: Path
    place: Path

    def put(self, check: Check = lambda _: None) -> None:
        """Move the directory to its place. What was there is deleted when the replacement ends.

        `check` gets the old directory when it is out of sight already, so it sees every change that was made
        before the exchange. If it raises, everything is as before.
        """
        open_up(self.directory)
        if not os.path.lexists(self.place):
            check(None)
            self._rename()
        elif exchange(self.directory, self.place):
            try:
                check(self.directory)
            except BaseException:
                exchange(self.directory, self.place)
                raise
        else:
            self.place.rename(old_path(self.place))
            check(old_path(self.place))  # if it raises, the end of the replacement moves the directory back
            self._rename()

    def _rename(self) -> None:
        try:
            self.directory.rename(self.place)
        except OSError as error:
            if error.errno not in _OCCUPIED:
                raise
            raise GitstoreError(
                f"{self.place} appeared meanwhile", "nothing was changed; run the same command again"
            ) from error


@contextmanager
def replacement(place: Path) -> Iterator[Replacement]:
    """A new directory that can replace another. It is removed at the end unless it was put in its place."""
    place.parent.mkdir(parents=True, exist_ok=True)
    with directories.hidden(place.parent, place.name) as directory:
        try:
            yield Replacement(directory, place)
        finally:
            _settle(place)


def replace_if(path: Path, new: Path | None, check: Check, *, aside: Path | None = None) -> None:
    """Replace a file by the file `new`, or remove it if `new` is `None`, unless `check` raises.

    If it raises, everything is as before. While it runs, the old file is at `new`, or at `aside`. Raises
    `FileExistsError` if a file has appeared where none was. Where names cannot be exchanged, an edit in the
    instant between the check and the renaming is lost.
    """
    if not os.path.lexists(path):
        check(None)
        if new is not None and not _rename(new, path, _RENAME_NOREPLACE):
            os.link(new, path, follow_symlinks=False)  # unlike a rename, it fails if a file has appeared
    elif new is None:
        old = aside or old_path(path)
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
    """Move a directory out of sight, and yield where it is. It is deleted when the block ends well."""
    with locks.directory(place):  # so that nobody takes it for abandoned under its hidden name
        out_of_sight = Path(tempfile.mkdtemp(prefix=new_prefix(place.name), dir=place.parent))
        out_of_sight.rmdir()  # `place` may be a link, which cannot replace a directory
        place.rename(out_of_sight)
        try:
            yield out_of_sight
        except BaseException:
            out_of_sight.rename(place)
            raise
        _delete(out_of_sight)


def repair(parent: Path) -> None:
    """Put back, or remove, what killed commands left in a directory. The caller holds it alone."""
    for path in parent.iterdir() if parent.is_dir() else ():
        leftover = _LEFTOVER.fullmatch(path.name)
        if leftover is not None and leftover[2] == OLD:
            _settle(parent / leftover[1])
        elif leftover is not None and path.is_dir():
            directories.remove_abandoned(path)  # a running model may be about to write a state there
        elif leftover is not None:
            _delete(path)


def _settle(place: Path) -> None:
    """Delete a directory that moved aside, or move it back if nothing took its place."""
    aside = old_path(place)
    if os.path.lexists(place):
        _delete(aside)
    elif os.path.lexists(aside):
        aside.rename(place)


def _delete(path: Path) -> None:
    if os.path.lexists(path):
        remove_tree(path)


def rename_to_new(directory: Path, place: Path) -> bool:
    """Rename a directory atomically to a name that nothing has yet; False if something has it."""
    try:
        if _rename(directory, place, _RENAME_NOREPLACE):
            return True
        place.mkdir()  # a rename can replace it as long as it is empty
    except FileExistsError:
        return False
    directory.rename(place)
    return True


def exchange(first: Path, second: Path) -> bool:
    """Exchange two names atomically; False if the system cannot."""
    return _rename(first, second, _RENAME_EXCHANGE)


def _rename(source: Path, target: Path, flags: int) -> bool:
    """Call renameat2(2); False if the system lacks it, or lacks these flags."""
    import ctypes

    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    paths = [os.fsencode(path) for path in (source, target)]
    if renameat2(_AT_FDCWD, paths[0], _AT_FDCWD, paths[1], flags) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), str(target))
