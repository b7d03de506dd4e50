"""A state's directory on disk: its content, what of it git does not have, and replacing it."""

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
        """List the files that would be lost with the directory, by their paths in the working copy."""
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
    """Read a state from disk; `None` if it is not there. Reads only files that may have changed."""
    path = state.find_directory(model, name)
    if path is None:
        return None
    listing, cache = scan.scan_directory(path), model.repository.stat_cache()
    hashed = hash_directory(listing, model.repository.objects, cache, progress=progress)
    entries = {PurePosixPath(file.relative_to(path)): entry.oid for file, entry in hashed.entries.items()}
    return WorkingState(name, path, listing, entries, hashed.tree)


@contextmanager
def replacing(model: Model, name: str) -> Iterator[Replacement]:
    """Provide a new directory that replaces a state's. Raises `GitstoreError` if a file is in its place."""
    path = model.claim_states() / name
    if os.path.lexists(path) and not path.is_dir():
        raise GitstoreError(f"{path} is not a directory, so no state can be there", "move it away")
    with replacement(path) as new:
        yield new


@contextmanager
def locked_alone(model: Model) -> Iterator[None]:
    """Lock the model's working copy, and repair it after killed commands. Does nothing if it is bare.

    Raises `Locked`.
    """
    with model.repository.replacing_files():
        if not model.repository.is_bare:
            repair(model.claim_states())
        yield
