"""Writing saved states to disk."""

from __future__ import annotations

from pathlib import Path

from gitstore.bigfiles import add, extract, stored
from gitstore.disk.construction import construction
from gitstore.errors import GitstoreError
from gitstore.models import state
from gitstore.models.model import Model, check_name
from gitstore.packs.oid import Oid
from gitstore.progress import Progress


def materialize(model: Model, name: str, *, progress: Progress = lambda _: None) -> Path:
    """Write a saved state to disk unless it is there already, and return its directory.

    The directory appears whole or not at all, and is not durable: the state is saved. Raises `NoSuchState`,
    `GitstoreError` in a bare repository, and `Corrupt` for a damaged object. `progress` is called with
    bytes written.
    """
    check_name(name, "state")
    path = state.find_directory(model, name)
    if path is not None:
        return path
    tree = state.find_saved_tree(model, name)
    if tree is None:
        raise state.missing_error(name)
    if model.repository.is_bare:
        raise GitstoreError(
            "a bare repository has no states on disk", f"gitstore state export {name} DIR writes its files"
        )
    target = model.claim_states() / name
    try:
        with construction(target, durable=False) as hidden:
            fill_state(model, tree, hidden, progress=progress)
    except GitstoreError:
        if state.find_directory(model, name) is None:  # else another command was faster
            raise
    return target


def fill_state(model: Model, tree: Oid, directory: Path, *, progress: Progress = lambda _: None) -> None:
    """Write the files of a stored state into a new directory. Each object is checked against its id."""
    files = list(stored.list_files(model.repository.objects, tree, joined=True))
    cache = model.repository.stat_cache()
    extract.extract_files(model.repository.objects, files, directory, progress=progress)
    add.remember(directory, files, cache)
    cache.save()
