"""Building a new directory out of sight, beside its place: it appears whole, and durable if wanted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from gitstore.disk import directories
from gitstore.disk.afterwards import only_warn
from gitstore.disk.atomic import sync_directory, sync_tree
from gitstore.disk.permissions import open_up
from gitstore.errors import GitstoreError


@contextmanager
def construction(place: Path, *, durable: bool = True) -> Iterator[Path]:
    """A directory to fill, which is renamed to `place` when the block ends well, and is removed otherwise.

    `place` may be an empty directory, and must not exist otherwise: `GitstoreError`. If `durable`, the
    content of the new directory is synced before it gets its name.
    """
    missing = [parent for parent in place.parents if not parent.exists()]
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot_create(error.filename, error) from error
    try:
        with _hidden(place) as directory:
            yield directory
            open_up(directory)
            if durable:
                sync_tree(directory)
            _rename(directory, place, durable=durable)
    except BaseException:
        for parent in missing:
            with suppress(OSError):  # another process uses it meanwhile
                parent.rmdir()
        raise


@contextmanager
def _hidden(place: Path) -> Iterator[Path]:
    with ExitStack() as stack:
        try:
            directory = stack.enter_context(directories.hidden(place.parent, place.name))
        except OSError as error:
            raise _cannot_create(place, error) from error
        yield directory


def _rename(directory: Path, place: Path, *, durable: bool) -> None:
    try:
        directory.rename(place)
    except OSError as error:
        raise _cannot_create(place, error) from error
    if durable:
        with only_warn(f"{place} may not survive a power failure"):
            sync_directory(place.parent)


def _cannot_create(place: Path | str, error: OSError) -> GitstoreError:
    return GitstoreError(f"cannot create {place}: {error.strerror}", "choose another directory")


def check_free(target: Path, hint: str) -> None:
    """Raise `GitstoreError` unless a directory is new or empty."""
    if os.path.lexists(target) and (not target.is_dir() or any(target.iterdir())):
        raise GitstoreError(f"{target} already exists", hint)
