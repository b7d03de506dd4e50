"""A new directory that is built out of sight, beside its place, and appears whole, and durable if wanted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gitstore.afterwards import only_warn
from gitstore.disk import directories
from gitstore.disk.atomic import sync_directory, sync_tree
from gitstore.disk.permissions import open_up
from gitstore.errors import GitstoreError


@contextmanager
def construction(place: Path, *, durable: bool = True) -> Iterator[Path]:
    """A directory to fill, which gets the name `place` when the block ends well, and else is gone.

    `place` may be an empty directory, and must not exist otherwise: `GitstoreError`. If `durable`, all
    that is in the new directory is on disk before it has its name. What a kill left here goes first.
    """
    missing = [each for each in place.parents if not each.exists()]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _refused(error.filename, error) from error
    directories.sweep(place.parent, place.name)
    try:
        with _begun(place) as directory:
            yield directory
            open_up(directory)
            if durable:
                sync_tree(directory)
            _appear(directory, place, durable=durable)
    except BaseException:
        for each in missing:
            with suppress(OSError):  # others use it meanwhile
                each.rmdir()
        raise


@contextmanager
def _begun(place: Path) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(directories.hidden(place.parent, place.name))
        except OSError as error:
            raise _refused(place, error) from error
        yield directory


def _appear(directory: Path, place: Path, *, durable: bool) -> None:
    try:
        directory.rename(place)
    except OSError as error:
        raise _refused(place, error) from error
    if durable:
        with only_warn(f"{place} may not survive a power failure"):
            sync_directory(place.parent)


def _refused(place: Path | str, error: OSError) -> GitstoreError:
    return GitstoreError(f"{place} cannot be made: {error.strerror}", "name another directory")


def check_free(target: Path, hint: str) -> None:
    """Raise `GitstoreError` unless a directory is new or empty."""
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise GitstoreError(f"{target} exists already", hint)
