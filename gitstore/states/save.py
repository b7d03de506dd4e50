"""Saving states: a commit without parents whose tree holds the files, under `refs/states/`."""

from __future__ import annotations

from dataclasses import dataclass

from gitstore.bigfiles import add, lfs, scan
from gitstore.bigfiles.scan import Listing
from gitstore.events import dispatch
from gitstore.events.events import PostState
from gitstore.git.refs import Change, RefChanged
from gitstore.git.repository import Repository
from gitstore.models import state
from gitstore.models.model import STATES, Model, check_name
from gitstore.models.state import NoSuchState, check_vacant
from gitstore.objects import commit
from gitstore.objects.writer import ObjectWriter
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.writer import Written
from gitstore.progress import Progress


@dataclass(frozen=True)
class Saved:
    """What `save` did. `pack` is the new pack, `None` if the repository had every object."""

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
    model: Model, name: str, writer: ObjectWriter, progress: Progress, *, allow_pointers: bool = False
) -> Oid:
    """Add a state to a write: as it is on disk if it is there, else as it is saved. Returns its tree.

    Raises `NoSuchState` if it is neither, and `GitstoreError` for Git LFS pointers unless they are allowed.
    """
    path = state.directory(model, name)
    if path is not None:
        listing = scan.scan(path)
        if not allow_pointers:
            lfs.check(listing)
        return add_state_files(model.repository, listing, writer, progress)
    tree = state.saved_tree(model, name)
    if tree is None:
        create = "" if model.repository.is_bare else ", or gitstore state create"
        raise NoSuchState(f"the state {name} is neither on disk nor saved", _way_in(model, name) + create)
    return tree


def add_state_files(
    repository: Repository, listing: Listing, writer: ObjectWriter, progress: Progress
) -> Oid:
    """Add the files of a listing to a write, and return their tree: what all of them held at one time.

    Raises `FileChanged` if any file has changed since it was listed, or one is new or gone.
    """
    cache = repository.stat_cache()
    tree = add.store(listing, writer, cache, progress=progress)
    scan.check_unchanged(listing)
    cache.save()
    return tree


def save_state(
    model: Model, name: str, *, allow_pointers: bool = False, progress: Progress = lambda _: None
) -> Saved:
    """Save a state as it is on disk. Saving what is saved already changes nothing.

    Atomic and durable: afterwards the state is saved whole, or it is as it was. Raises `GitstoreError` for
    Git LFS pointers unless they are allowed. Runs the hook post-state if anything was saved, which the
    functions below leave to their callers.
    """
    check_name(name, "state")
    path = state.directory(model, name)
    if path is None:
        raise NoSuchState(f"there is no state {name} on disk", _way_in(model, name))
    with model.repository.reading_files():
        listing = scan.scan(path)
        if not allow_pointers:
            lfs.check(listing)
        saved = save_files(model, name, listing, progress=progress)
    if not saved.was_saved:
        announce_saved(model, "saved", saved)
    return saved


def save_files(model: Model, name: str, listing: Listing, *, progress: Progress = lambda _: None) -> Saved:
    """Save files, wherever they are, as a state, in the place of what is saved of it. Like `save`."""
    return _save(model, name, listing, model.repository.refs.get(model.state_ref(name)), progress)


def save_new(model: Model, name: str, listing: Listing, *, progress: Progress = lambda _: None) -> Saved:
    """Save files, wherever they are, as a state that is not saved yet. Raises `StateExists`. Like `save`."""
    try:
        return _save(model, name, listing, None, progress)
    except RefChanged as error:
        raise state.taken(name) from error


def save_tree(model: Model, name: str, tree: Oid) -> None:
    """Save a state that is not there yet, from a tree that the repository has. Raises `StateExists`."""
    check_vacant(model, name)
    with model.repository.writer() as writer:
        content = commit.encode(
            tree, (), identity=model.repository.identity(), message=f"State {name} of {model.name}"
        )
        oid = writer.add_apart(Kind.COMMIT, content)
        writer.finish()
        try:
            model.repository.refs.change([Change(model.state_ref(name), None, oid)], f"save state {name}")
        except RefChanged as error:
            raise state.taken(name) from error


def _save(model: Model, name: str, listing: Listing, before: Oid | None, progress: Progress) -> Saved:
    """Make files a state, where the ref `before` is what was saved of it."""
    check_vacant(model, name)
    refs, ref = model.repository.refs, model.state_ref(name)
    with model.repository.writer() as writer:
        tree = add_state_files(model.repository, listing, writer, progress)
        if before is not None and state.saved_tree(model, name) == tree:
            return Saved(name, tree, state.tree_size(model, tree), None, was_saved=True)
        content = commit.encode(
            tree, (), identity=model.repository.identity(), message=f"State {name} of {model.name}"
        )
        oid = writer.add_apart(Kind.COMMIT, content)
        pack = writer.finish()
        saved = Saved(name, tree, state.tree_size(model, tree), pack, was_saved=False)
        refs.change([Change(ref, before, oid)], f"save state {name}")
    model.repository.maintain()
    return saved


def announce_saved(model: Model, change: str, saved: Saved) -> None:
    """Run the hook post-state for a state that was saved; `change` says by what."""
    dispatch.tell(model.repository, saved_event(model.name, change, saved))


def saved_event(model: str, change: str, saved: Saved) -> PostState:
    """What the hook post-state is told of a state that was saved."""
    return PostState(
        model=model,
        change=change,
        state=saved.name,
        tree=str(saved.tree),
        size=saved.size,
        added_bytes=saved.added,
    )


def _way_in(model: Model, name: str) -> str:
    """How files become a state."""
    if model.repository.is_bare:
        return f"a bare repository has no states on disk; gitstore state import PATH --name {name} saves one"
    return f"put its files into {model.directory / STATES / name}/"
