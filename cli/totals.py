"""Totals of progress bars, in bytes.

Measuring takes time, so these return functions, which are called only if a bar is drawn.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gitstore.git.repository import Repository
    from gitstore.models.model import Model
    from gitstore.models.snapshot import Snapshot
    from gitstore.packs.oid import Oid


def size_on_disk(directory: Path) -> int:
    """Return the bytes of a file, or of the files below a directory, as far as they can be read."""
    if not directory.is_dir():
        return directory.stat().st_size if directory.exists() else 0
    size = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            with suppress(OSError):
                size += Path(folder, name).stat().st_size
    return size


def on_disk(model: Model, *names: str) -> Callable[[], int]:
    """Measure states on disk, by default the active one.

    Invalid names count as nothing: the command refuses them later, and some of them lead out of states/.
    """

    def total() -> int:
        from gitstore.names import name_problem

        valid = (name for name in names or (model.active_state,) if name_problem(name) is None)
        return sum(size_on_disk(model.claim_states() / name) for name in valid)

    return total


def states_on_disk(model: Model, name: str) -> Callable[[], int]:
    """Measure all states of a derived model on disk."""

    def total() -> int:
        from gitstore.models.model import STATES

        copies = (copy for copy in model.repository.worktrees() if copy.branch == name)
        return sum(size_on_disk(copy.directory / STATES) for copy in copies)

    return total


def saved(model: Model, name: str) -> Callable[[], int]:
    """Measure a state as it is saved; 0 if it is not."""

    def total() -> int:
        from gitstore.models import state

        tree = state.find_saved_tree(model, name)
        return 0 if tree is None else stored(model.repository, tree)()

    return total


def stored(repository: Repository, tree: Oid) -> Callable[[], int]:
    """Measure the files below a tree; 0 if a partial clone lacks some."""

    def total() -> int:
        from gitstore.storage.sizes import Sizes

        return Sizes(repository.objects).measure_tree(tree) or 0

    return total


def replaced(model: Model, snapshot: Snapshot) -> Callable[[], int]:
    """Measure a state on disk together with the snapshot's state that replaces it."""
    read, written = on_disk(model, snapshot.state_name), stored(snapshot.repository, snapshot.state_tree)
    return lambda: read() + written()
