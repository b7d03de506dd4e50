"""Making a state of files that lie elsewhere."""

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
from gitstore.states.save import Saved, announce_saved, save_files, save_new
from gitstore.states.use import use_state
from gitstore.workingcopy import state as working_state


@dataclass(frozen=True)
class Imported:
    """A state that was imported: its bytes, where it is on disk, and how it was saved, if it is either."""

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
) -> Imported:
    """Copy files into a state, save it, and make it the active one if that is asked by `use`.

    `progress` is called with bytes copied, then with bytes saved.

    A single directory is the state; of several paths each keeps its name in it. The state's directory
    is there whole or not at all. In a bare repository, which has none, the files are saved from where
    they are. Raises `StateExists` for a state that is on disk or saved, and `GitstoreError` for Git LFS
    pointers, unless `force` takes them. The hook post-state runs when all is done.
    """
    done = _import(model, name, paths, force=force, save=save, progress=progress)
    if use:
        use_state(model, name)
    if done.saved is not None:
        announce_saved(model, "imported", done.saved)
    else:
        event = PostState(model=model.name, change="imported", state=name, size=done.size)
        dispatch.tell(model.repository, event)
    return done


def _import(
    model: Model, name: str, paths: Sequence[Path], *, force: bool, save: bool, progress: Progress
) -> Imported:
    state.check_vacant(model, name)
    found = listing(paths)
    if not force:
        lfs.check(found)
    if model.repository.is_bare and not save:
        raise GitstoreError("a bare repository has no states on disk", "leave out --no-save")
    with working_state.alone(model):
        _check_new(model, name, force=force)
        if model.repository.is_bare:
            saved = _save(model, name, found, force=force, progress=progress)
            return Imported(name, found.size, None, saved)
        with working_state.place(model, name) as new:
            copying.copy(found, new.directory, progress)
            new.put(lambda moved: None if force else _check_empty(name, moved))
        path = model.states / name
        kept = _save(model, name, scan.scan(path), force=force, progress=progress) if save else None
        return Imported(name, found.size, path, kept)


def _save(model: Model, name: str, found: Listing, *, force: bool, progress: Progress) -> Saved:
    """Save what was imported; unless `force`, only as a state that is not saved yet."""
    if force:
        return save_files(model, name, found, progress=progress)
    return save_new(model, name, found, progress=progress)


def _check_empty(name: str, moved: Path | None) -> None:
    """Raise `StateExists` for a directory in which files have appeared while others were copied."""
    if moved is not None and scan.has_file(moved):
        raise state.taken(name)


def size(paths: Sequence[Path]) -> int:
    """The bytes of the files that would be imported."""
    return listing(paths).size


def listing(paths: Sequence[Path]) -> Listing:
    """The files to import. Raises `GitstoreError` for what a state cannot hold, and if there are none."""
    alone = paths[0] if len(paths) == 1 and paths[0].is_dir() else None
    found = scan.scan(alone) if alone is not None else scan.scan_each(paths)
    if next(found.walk(), None) is None:
        raise GitstoreError(f"{', '.join(map(str, paths))}: there are no files to import")
    return found


def _check_new(model: Model, name: str, *, force: bool) -> None:
    """Raise `StateExists` if a state has the name. An empty directory is none yet."""
    if not force and (state.has_files(model, name) or state.saved_tree(model, name) is not None):
        raise state.taken(name, "--name gives this another name; --force replaces that one")
