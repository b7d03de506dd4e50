"""A state's directory on disk: what it holds, what of it git lacks, and a place for another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gitstore import state
from gitstore.errors import GitstoreError
from gitstore.holdings import Holdings
from gitstore.model import STATES, Model
from gitstore.objects import files, lock, sources
from gitstore.objects.files import Progress
from gitstore.objects.object_writer import ObjectHasher
from gitstore.objects.oid import Oid
from gitstore.objects.replacement import Replacement, mend, replacement
from gitstore.objects.sources import Listing


@dataclass(frozen=True)
class WorkingState:
    """A state as it was found on disk: its files by their paths in it, and the tree it would be saved as."""

    name: str
    path: Path
    listing: Listing
    entries: dict[PurePosixPath, Oid]
    tree: Oid

    def losses(self, holdings: Holdings) -> list[PurePosixPath]:
        """The files that would be gone for good with the directory, as the working copy names them."""
        unheld = holdings.unheld_state(self.tree, self.entries)
        return sorted(PurePosixPath(STATES, self.name) / path for path in unheld)

    def is_current(self) -> bool:
        """Whether the files still are as they were found."""
        return sources.scan(self.path) == self.listing


def read(model: Model, name: str, progress: Progress = lambda _: None) -> WorkingState | None:
    """A state as it is on disk, if it is there. Files that may have changed are read, all are hashed."""
    path = state.directory(model, name)
    if path is None:
        return None
    listing, cache = sources.scan(path), model.repository.stat_cache()
    with ObjectHasher(model.repository.objects) as hasher:
        found = files.add_files(listing, hasher, cache, progress)
        tree = files.add_trees(listing, found, hasher)
    cache.save()
    entries = {PurePosixPath(file.relative_to(path)): oid for file, (_, oid) in found.items()}
    return WorkingState(name, path, listing, entries, tree)


@contextmanager
def place(model: Model, name: str) -> Iterator[Replacement]:
    """A new directory that can take a state's place, whole. Raises `GitstoreError` if a file has that."""
    path = model.states / name
    if os.path.lexists(path) and not path.is_dir():
        raise GitstoreError(f"{path} is not a directory, so no state can be there", "move it away")
    with replacement(path) as new:
        yield new


@contextmanager
def alone(model: Model) -> Iterator[None]:
    """Hold the model's working copy alone, repaired after killed commands; nothing if it is bare.

    Raises `Locked`.
    """
    if model.repository.is_bare:
        yield
        return
    with lock.working_copy(model.repository.git_directory):
        mend(model.states)
        yield


def shared(model: Model) -> AbstractContextManager[None]:
    """Hold the model's working copy with others that read it; nothing if it is bare. Raises `Locked`."""
    if model.repository.is_bare:
        return nullcontext()
    return lock.reading_working_copy(model.repository.git_directory)
