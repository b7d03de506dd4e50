"""A new directory that is built out of sight, beside its place, and appears whole and durable.

Who builds it holds a lock on it, which goes with the process. What a kill leaves behind is therefore
told from what another process is still building, and the next that builds at the place removes it.
"""

from __future__ import annotations

import glob
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gitstore.errors import GitstoreError
from gitstore.objects import lock
from gitstore.objects.afterwards import only_warn
from gitstore.objects.durability import sync_directory, sync_tree
from gitstore.objects.extract import remove_tree
from gitstore.objects.permissions import open_up


@contextmanager
def construction(place: Path) -> Iterator[Path]:
    """A directory to fill, which gets the name `place` when the block ends well, and else is gone.

    `place` may be an empty directory, and must not exist otherwise: `GitstoreError`. All that is in
    the new directory is on disk before it has its name.
    """
    missing = [each for each in place.parents if not each.exists()]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(place, error) from error
    for path in place.parent.glob(f"{glob.escape(_prefix(place))}*"):
        _remove_abandoned(path)
    with _begun(place) as directory:
        try:
            yield directory
            open_up(directory)
            sync_tree(directory)
            _appear(directory, place)
        except BaseException:
            remove_tree(directory)
            for each in missing:
                with suppress(OSError):  # others use it meanwhile
                    each.rmdir()
            raise


@contextmanager
def _begun(place: Path) -> Iterator[Path]:
    """A directory that is ours: another process may take it for abandoned just before we hold it."""
    while True:
        try:
            directory = Path(tempfile.mkdtemp(prefix=_prefix(place), dir=place.parent))
        except OSError as error:
            raise _refused(place, error) from error
        with lock.directory(directory) as ours:
            if ours:
                yield directory
                return


def _remove_abandoned(directory: Path) -> None:
    with lock.directory(directory) as free:
        if free:
            remove_tree(directory)


def _appear(directory: Path, place: Path) -> None:
    try:
        directory.rename(place)
    except OSError as error:
        raise _refused(place, error) from error
    with only_warn(f"{place} may not survive a power failure"):
        sync_directory(place.parent)


def _refused(place: Path, error: OSError) -> GitstoreError:
    return GitstoreError(f"{place} cannot be made: {error.strerror}", "name another directory")


def _prefix(place: Path) -> str:
    return f".{place.name}~new-"
