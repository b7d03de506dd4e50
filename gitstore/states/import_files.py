"""Importing files from elsewhere as a state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gitstore.bigfiles import copy as copying
from gitstore.bigfiles import lfs, scan
from gitstore.bigfiles.scan import Listing
from gitstore.errors import GitstoreError
from gitstore.events import dispatch
from gitstore.events.events import PostState
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.progress import Progress
from gitstore.states.save import Saved, notify_saved, save_files, save_new
from gitstore.states.use import use_state
from gitstore.workingcopy import state as working_state


@dataclass(frozen=True)
class ImportedState:
    """An imported state and its size in bytes.

    `path` is where it is on disk, `None` in a bare repository. `saved` says how it was saved, `None` if
    it was not.
    """

    name: str
    size: int
    path: Path | None
    saved: Saved | None


def import_files(
    model: Model,
    name: str,
    paths: Sequence[Path],
    *,
    force: bool = False,
    save: bool = True,
    use: bool = False,
    progress: Progress = lambda _: None,
) -> ImportedState:
    """Copy files into a state, save it unless `save` is false, and make it the active one if `use` is set.

    A single directory becomes the state itself. Of several paths, each keeps its name in the state. The
    state's directory appears whole or not at all. A bare repository has no such directory, so there the
    files are saved from where they are. `progress` is called with bytes copied, then with bytes saved.

    Raises `StateExists` if the state is on disk or saved, and `GitstoreError` for Git LFS pointers,
    unless `force` is set. The hook post-state runs at the end.
    """
    imported = _import(model, name, paths, force=force, save=save, progress=progress)
    if use:
        use_state(model, name)
    if imported.saved is not None:
        notify_saved(model, "imported", imported.saved)
    else:
        event = PostState(model=model.name, change="imported", state=name, size=imported.size)
        dispatch.notify_post_hook(model.repository, event)
    return imported


def _import(
    model: Model, name: str, paths: Sequence[Path], *, force: bool, save: bool, progress: Progress
) -> ImportedState:
    state.check_new_name(model, name)
    sources = list_files(paths)
    if not force:
        lfs.refuse_pointers(sources)
    if model.repository.is_bare and not save:
        raise GitstoreError("a bare repository has no states on disk", "leave out --no-save")
    with working_state.locked_alone(model):
        _check_new(model, name, force=force)
        if model.repository.is_bare:
            saved = _save(model, name, sources, force=force, progress=progress)
            return ImportedState(name, sources.size, None, saved)
        with working_state.replacing(model, name) as new:
            copying.copy_files(sources, new.directory, progress)
            new.put(lambda moved: None if force else _check_empty(name, moved))
        path = model.claim_states() / name
        saved_copy = (
            _save(model, name, scan.scan_directory(path), force=force, progress=progress) if save else None
        )
        return ImportedState(name, sources.size, path, saved_copy)


def _save(model: Model, name: str, files: Listing, *, force: bool, progress: Progress) -> Saved:
    """Save the imported files; unless `force`, only if the state is not saved yet."""
    if force:
        return save_files(model, name, files, progress=progress)
    return save_new(model, name, files, progress=progress)


def _check_empty(name: str, moved: Path | None) -> None:
    """Raise `StateExists` if files have appeared in the state's old directory while others were copied."""
    if moved is not None and scan.has_file(moved):
        raise state.exists_error(name)


def list_files(paths: Sequence[Path]) -> Listing:
    """List the files to import.

    Raises `GitstoreError` if there are none, and for files that a state cannot hold.
    """
    single = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
    files = scan.scan_directory(single) if single is not None else scan.scan_paths(paths)
    if next(files.walk(), None) is None:
        raise GitstoreError(f"{', '.join(map(str, paths))}: there are no files to import")
    return files


def _check_new(model: Model, name: str, *, force: bool) -> None:
    """Raise `StateExists` if a state has the name. An empty directory does not count."""
    if not force and (state.has_files(model, name) or state.find_saved_tree(model, name) is not None):
        raise state.exists_error(
            name, "--name gives the new state another name; --force replaces the old one"
        )
