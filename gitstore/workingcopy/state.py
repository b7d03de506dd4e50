"""A state's directory on disk: what it holds, what of it git lacks, and a place for another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from gitstore.bigfiles import scan
from gitstore.bigfiles.hash import hash_directory
from gitstore.bigfiles.scan import Listing
from gitstore.disk.exchange import Replacement, repair, replacement
from gitstore.errors import FileChanged, GitstoreError
from gitstore.models import state
from gitstore.models.model import STATES, Model
from gitstore.packs.oid import Oid
from gitstore.progress import Progress
from gitstore.workingcopy.unsaved import Holdings


@dataclass(frozen=True)
class WorkingState:
    """A state as it was found on disk: its files by their paths in it, and the tree it would be saved as."""

    name: str
    path: Path
    listing: Listing
    entries: dict[PurePosixPath, Oid]
    tree: Oid

    def find_losses(self, holdings: Holdings) -> list[PurePosixPath]:
        """The files that would be gone for good with the directory, as the working copy names them."""
        unheld = holdings.find_unheld_state(self.tree, self.entries)
        return sorted(PurePosixPath(STATES, self.name) / path for path in unheld)

    def check_current(self, moved: Path | None = None) -> None:
        """Raise `FileChanged` unless the files are as they were found, there or in the directory `moved`."""
        path = scan.find_change(self.listing, scan.scan_directory(moved or self.path))
        if path is not None and moved is not None and path.is_relative_to(moved):
            path = self.path / path.relative_to(moved)  # a new file, which was found in the other place
        if path is not None:
            raise FileChanged(path)


def read(model: Model, name: str, progress: Progress = lambda _: None) -> WorkingState | None:
    """A state as it is on disk, if it is there. Files that may have changed are read, all are hashed."""
    path = state.find_directory(model, name)
    if path is None:
        return None
    listing, cache = scan.scan_directory(path), model.repository.stat_cache()
    hashed = hash_directory(listing, model.repository.objects, cache, progress=progress)
    entries = {PurePosixPath(file.relative_to(path)): oid for file, (_, oid) in hashed.entries.items()}
    return WorkingState(name, path, listing, entries, hashed.tree)


@contextmanager
def replacing(model: Model, name: str) -> Iterator[Replacement]:
    """A new directory that can take a state's place, whole. Raises `GitstoreError` if a file has that."""
    path = model.claim_states() / name
    if os.path.lexists(path) and not path.is_dir():
        raise GitstoreError(f"{path} is not a directory, so no state can be there", "move it away")
    with replacement(path) as new:
        yield new


@contextmanager
def locked_alone(model: Model) -> Iterator[None]:
    """Hold the model's working copy alone, repaired after killed commands; nothing if it is bare.

    Raises `Locked`.
    """
    with model.repository.replacing_files():
        if not model.repository.is_bare:
            repair(model.claim_states())
        yield
