"""Saving states: each is a commit without parents under `refs/states/`, whose tree has the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gitstore.bigfiles import add, lfs, scan
from gitstore.bigfiles.scan import Listing
from gitstore.errors import NoSuchState
from gitstore.events import dispatch
from gitstore.events.events import PostState
from gitstore.git.refs import RefChange, RefChanged
from gitstore.git.repository import Repository
from gitstore.models import state
from gitstore.models.model import STATES, Model, check_name
from gitstore.models.state import check_new_name
from gitstore.objects import commit
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.writer import Written
from gitstore.progress import Progress


@dataclass(frozen=True)
class Saved:
    """A saved state and its size in bytes. `pack` is the new pack, `None` if every object existed already."""

    name: str
    tree: Oid
    size: int
    pack: Written | None
    was_saved: bool

    @property
    def added(self) -> int:
        """Bytes of the new pack."""
        return self.pack.size if self.pack is not None else 0


def add_state(
    model: Model,
    name: str,
    writer: ObjectWriter,
    *,
    allow_pointers: bool = False,
    progress: Progress = lambda _: None,
) -> Oid:
    """Add a state to a write and return its tree: as it is on disk, else as it is saved.

    Raises `NoSuchState` if it is neither, and `GitstoreError` for Git LFS pointers unless they are allowed.
    `progress` is called with bytes read.
    """
    path = state.find_directory(model, name)
    if path is not None:
        listing = scan.scan_directory(path)
        if not allow_pointers:
            lfs.refuse_pointers(listing)
        return add_state_files(model.repository, listing, writer, progress=progress)
    tree = state.find_saved_tree(model, name)
    if tree is None:
        create = "" if model.repository.is_bare else ", or run gitstore state create"
        raise NoSuchState(f"the state {name} is neither on disk nor saved", _suggest(model, name) + create)
    return tree


def add_state_files(
    repository: Repository,
    listing: Listing,
    writer: ObjectWriter,
    *,
    progress: Progress = lambda _: None,
) -> Oid:
    """Add the listed files to a write, and return their tree. All files had this content at one time.

    Raises `FileChanged` if a file has changed or vanished since it was listed, or a new one has appeared.
    `progress` is called with bytes read.
    """
    cache = repository.stat_cache()
    tree = add.add_directory(listing, writer, cache, progress=progress)
    scan.check_unchanged(listing)
    cache.save()
    return tree


def add_state_commit(
    repository: Repository, tree: Oid, *, model_name: str, name: str, writer: ObjectWriter
) -> Oid:
    """Add the commit of a state, which has no parents, to a write, and return its id."""
    content = commit.encode(tree, (), identity=repository.identity(), message=f"State {name} of {model_name}")
    return writer.add_apart(Kind.COMMIT, content)


def save_state(
    model: Model, name: str, *, allow_pointers: bool = False, progress: Progress = lambda _: None
) -> Saved:
    """Save a state as it is on disk. If it is saved like this already, nothing changes.

    Atomic and durable. Raises `NoSuchState` if the state is not on disk, and `GitstoreError` for Git LFS
    pointers unless they are allowed. Runs the hook post-state if anything was saved; the other functions
    of this module leave that to their callers. `progress` is called with bytes read.
    """
    check_name(name, "state")
    path = state.find_directory(model, name)
    if path is None:
        raise NoSuchState(f"there is no state {name} on disk", _suggest(model, name))
    with model.repository.reading_files():
        listing = scan.scan_directory(path)
        if not allow_pointers:
            lfs.refuse_pointers(listing)
        saved = save_files(model, name, listing, progress=progress)
    if not saved.was_saved:
        notify_saved(model, "saved", saved)
    return saved


def save_files(model: Model, name: str, listing: Listing, *, progress: Progress = lambda _: None) -> Saved:
    """Save files from anywhere as a state, replacing what is saved of it. Atomic and durable."""
    old = model.repository.refs.get(model.state_ref(name))
    return _save(model, name, listing, old=old, progress=progress)


def save_new(model: Model, name: str, listing: Listing, *, progress: Progress = lambda _: None) -> Saved:
    """Save files from anywhere as a state that is not saved yet. Atomic and durable. Raises `StateExists`."""
    try:
        return _save(model, name, listing, old=None, progress=progress)
    except RefChanged as error:
        raise state.exists_error(name) from error


def save_tree(model: Model, name: str, tree: Oid) -> None:
    """Save a new state from a tree that the repository has. Atomic and durable. Raises `StateExists`."""
    check_new_name(model, name)
    with model.repository.writer() as writer:
        oid = add_state_commit(model.repository, tree, model_name=model.name, name=name, writer=writer)
        writer.finish()
        try:
            model.repository.refs.change([RefChange(model.state_ref(name), None, oid)], f"save state {name}")
        except RefChanged as error:
            raise state.exists_error(name) from error


def _save(model: Model, name: str, listing: Listing, *, old: Oid | None, progress: Progress) -> Saved:
    """Save files as a state. `old` is what the state's ref must have until then, `None` for no ref."""
    check_new_name(model, name)
    refs, ref = model.repository.refs, model.state_ref(name)
    with model.repository.writer() as writer:
        tree = add_state_files(model.repository, listing, writer, progress=progress)
        if old is not None and state.find_saved_tree(model, name) == tree:
            return Saved(name, tree, state.measure_tree(model, tree), None, was_saved=True)
        oid = add_state_commit(model.repository, tree, model_name=model.name, name=name, writer=writer)
        pack = writer.finish()
        saved = Saved(name, tree, state.measure_tree(model, tree), pack, was_saved=False)
        refs.change([RefChange(ref, old, oid)], f"save state {name}")
    model.repository.maintain()
    return saved


def notify_saved(model: Model, change: str, saved: Saved, *, place: Mapping[str, Any] | None = None) -> None:
    """Run the hook post-state for a saved state. `change` is what saved it: "saved", "imported", …

    `place` says where the model's code ran that made it: `environment`, `unlocked` and `sandbox`.
    """
    event = build_post_state(model.name, change, saved, place=place)
    dispatch.notify_post_hook(model.repository, event)


def build_post_state(
    model: str, change: str, saved: Saved, *, place: Mapping[str, Any] | None = None
) -> PostState:
    """Build the event that the hook post-state gets for a saved state."""
    return PostState(
        model=model,
        change=change,
        state=saved.name,
        tree=str(saved.tree),
        size=saved.size,
        added_bytes=saved.added,
        **(place or {}),
    )


def _suggest(model: Model, name: str) -> str:
    """Return the hint that says how to make files a state."""
    if model.repository.is_bare:
        return f"a bare repository has no states on disk; gitstore state import PATH --name {name} saves one"
    return f"put its files into {model.directory / STATES / name}/"
