"""States: named directories of weights, which one is active, and which are saved.

A state is *on disk* when `states/NAME/` is there, *saved* when `refs/states/NAME` is: a commit without
parents whose tree holds the files. Which one is active is in the repository's configuration, see
`active_state`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitstore.bigfiles import add as files
from gitstore.bigfiles import extract, lfs, scan, stored
from gitstore.bigfiles.scan import Listing
from gitstore.disk.construction import construction
from gitstore.errors import GitstoreError
from gitstore.events import dispatch
from gitstore.events.events import PostState
from gitstore.git.refs import Change, RefChanged
from gitstore.git.repository import Repository
from gitstore.models import active_state
from gitstore.models.model import FIRST_STATE, STATES, Model, check_name, is_derived
from gitstore.names import name_problem
from gitstore.objects import commit
from gitstore.objects.writer import ObjectHasher, ObjectWriter
from gitstore.packs.oid import Kind, Oid
from gitstore.packs.writer import Written
from gitstore.progress import Progress


class NoSuchState(GitstoreError):
    """No state is called so."""


class StateExists(GitstoreError):
    """A state is called so already, and would be overwritten."""


@dataclass(frozen=True)
class State:
    """A state of a model. `tree` is what is saved, if it is; `size` counts its files' bytes."""

    name: str
    is_active: bool
    tree: Oid | None
    on_disk: bool
    is_modified: bool
    size: int


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


def active(model: Model) -> str:
    """The name of the active state, which need not exist yet. Raises `Corrupt` if it is no name."""
    return model.active_state


def names(model: Model) -> list[str]:
    """The states there are, saved or on disk, by name. A directory whose name no state can have is none."""
    prefix = model.state_ref("")
    found = {ref.removeprefix(prefix) for ref, _ in model.repository.refs.below(prefix)}
    if not model.repository.is_bare and model.states.is_dir():
        found |= {path.name for path in model.states.iterdir() if path.is_dir()}
    return sorted(name for name in found if name_problem(name) is None)


def saved_tree(model: Model, name: str) -> Oid | None:
    """The tree of a state as it is saved."""
    oid = model.repository.refs.get(model.state_ref(name))
    return model.repository.commit(oid).tree if oid is not None else None


def directory(model: Model, name: str) -> Path | None:
    """Where a state is on disk, if it is. Directories without a file hide no saved state, as git has it."""
    if model.repository.is_bare:
        return None
    return _on_disk(model.states / name, is_saved=saved_tree(model, name) is not None)


def _on_disk(path: Path, *, is_saved: bool) -> Path | None:
    """The directory of a state, if it is there and says what the state is."""
    return path if path.is_dir() and (not is_saved or scan.has_file(path)) else None


def has_files(model: Model, name: str) -> bool:
    """Whether a state has files on disk. Directories alone are nothing to lose."""
    path = directory(model, name)
    return path is not None and scan.has_file(path)


def each(model: Model, progress: Progress = lambda _: None) -> Iterator[State]:
    """All states, by name. Files on disk that may have changed are read to find out."""
    current, prefix, repository = active(model), model.state_ref(""), model.repository
    saved = {ref.removeprefix(prefix): oid for ref, oid in repository.refs.below(prefix)}
    states, cache = None if repository.is_bare else model.states, repository.stat_cache()
    with ObjectHasher(repository.objects) as hasher:
        for name in names(model):
            tree = repository.commit(saved[name]).tree if name in saved else None
            path = _on_disk(states / name, is_saved=name in saved) if states is not None else None
            if path is not None:
                listing = scan.scan(path)
                modified = tree is not None and files.store(listing, hasher, cache, progress) != tree
                yield State(name, name == current, tree, True, modified, listing.size)
            elif tree is not None:
                yield State(name, name == current, tree, False, False, tree_size(model, tree))
    cache.save()


def tree_size(model: Model, tree: Oid) -> int:
    """The bytes of the files that a state's tree holds."""
    objects = model.repository.objects
    return sum(file.size(objects) for file in stored.files(objects, tree, joined=True))


def add(
    model: Model, name: str, writer: ObjectWriter, progress: Progress, *, allow_pointers: bool = False
) -> Oid:
    """Add a state to a write: as it is on disk if it is there, else as it is saved. Returns its tree.

    Raises `NoSuchState` if it is neither, and `GitstoreError` for Git LFS pointers unless they are allowed.
    """
    path = directory(model, name)
    if path is not None:
        listing = scan.scan(path)
        if not allow_pointers:
            lfs.check(listing)
        return add_files(model.repository, listing, writer, progress)
    tree = saved_tree(model, name)
    if tree is None:
        create = "" if model.repository.is_bare else ", or gitstore state create"
        raise NoSuchState(f"the state {name} is neither on disk nor saved", _way_in(model, name) + create)
    return tree


def add_files(repository: Repository, listing: Listing, writer: ObjectWriter, progress: Progress) -> Oid:
    """Add the files of a listing to a write, and return their tree: what all of them held at one time.

    Raises `FileChanged` if any file has changed since it was listed, or one is new or gone.
    """
    cache = repository.stat_cache()
    tree = files.store(listing, writer, cache, progress)
    scan.check_unchanged(listing)
    cache.save()
    return tree


def save(
    model: Model, name: str, *, allow_pointers: bool = False, progress: Progress = lambda _: None
) -> Saved:
    """Save a state as it is on disk. Saving what is saved already changes nothing.

    Atomic and durable: afterwards the state is saved whole, or it is as it was. Raises `GitstoreError` for
    Git LFS pointers unless they are allowed. Runs the hook post-state if anything was saved, which the
    functions below leave to their callers.
    """
    check_name(name, "state")
    path = directory(model, name)
    if path is None:
        raise NoSuchState(f"there is no state {name} on disk", _way_in(model, name))
    with model.repository.reading_files():
        listing = scan.scan(path)
        if not allow_pointers:
            lfs.check(listing)
        saved = save_files(model, name, listing, progress=progress)
    if not saved.was_saved:
        announce(model, "saved", saved)
    return saved


def save_files(model: Model, name: str, listing: Listing, *, progress: Progress = lambda _: None) -> Saved:
    """Save files, wherever they are, as a state, in the place of what is saved of it. Like `save`."""
    return _save(model, name, listing, model.repository.refs.get(model.state_ref(name)), progress)


def save_new(model: Model, name: str, listing: Listing, *, progress: Progress = lambda _: None) -> Saved:
    """Save files, wherever they are, as a state that is not saved yet. Raises `StateExists`. Like `save`."""
    try:
        return _save(model, name, listing, None, progress)
    except RefChanged as error:
        raise taken(name) from error


def save_tree(model: Model, name: str, tree: Oid) -> None:
    """Save a state that is not there yet, from a tree that the repository has. Raises `StateExists`."""
    check_vacant(model, name)
    with model.repository.writer() as writer:
        content = commit.encode(tree, (), model.repository.identity(), f"State {name} of {model.name}")
        oid = writer.add_apart(Kind.COMMIT, content)
        writer.finish()
        try:
            model.repository.refs.change([Change(model.state_ref(name), None, oid)], f"save state {name}")
        except RefChanged as error:
            raise taken(name) from error


def _save(model: Model, name: str, listing: Listing, before: Oid | None, progress: Progress) -> Saved:
    """Make files a state, where the ref `before` is what was saved of it."""
    check_vacant(model, name)
    refs, ref = model.repository.refs, model.state_ref(name)
    with model.repository.writer() as writer:
        tree = add_files(model.repository, listing, writer, progress)
        if before is not None and saved_tree(model, name) == tree:
            return Saved(name, tree, tree_size(model, tree), None, was_saved=True)
        content = commit.encode(tree, (), model.repository.identity(), f"State {name} of {model.name}")
        oid = writer.add_apart(Kind.COMMIT, content)
        pack = writer.finish()
        saved = Saved(name, tree, tree_size(model, tree), pack, was_saved=False)
        refs.change([Change(ref, before, oid)], f"save state {name}")
    model.repository.maintain()
    return saved


def announce(model: Model, change: str, saved: Saved) -> None:
    """Run the hook post-state for a state that was saved; `change` says by what."""
    dispatch.tell(model.repository, announcement(model.name, change, saved))


def announcement(model: str, change: str, saved: Saved) -> PostState:
    """What the hook post-state is told of a state that was saved."""
    return PostState(
        model=model,
        change=change,
        state=saved.name,
        tree=str(saved.tree),
        size=saved.size,
        added_bytes=saved.added,
    )


def use(model: Model, name: str) -> None:
    """Make a state the active one: saved, only on disk, or `initial` even before it is there.

    Files stay as they are. Atomic and durable. Raises `NoSuchState`, and `Locked` while git changes the
    repository's configuration.
    """
    check_name(name, "state")
    if name != FIRST_STATE and saved_tree(model, name) is None and directory(model, name) is None:
        raise missing(name)
    active_state.choose(model.repository, model.prefix, name)


def not_saved(model: Model, name: str) -> NoSuchState:
    """What to say of a state that is not saved, and may not be there at all."""
    if directory(model, name) is not None:
        return NoSuchState(f"the state {name} is not saved", f"gitstore state save {name}")
    return missing(name)


def missing(name: str) -> NoSuchState:
    """What to say of a state that is neither on disk nor saved."""
    return NoSuchState(f"there is no state {name}", "gitstore state list shows those there are")


def taken(name: str, hint: str = "choose another name") -> StateExists:
    """What to say of a state that is there, where a new one was to be."""
    return StateExists(f"there is a state {name} already", hint)


def materialise(model: Model, name: str, *, progress: Progress = lambda _: None) -> Path:
    """Where a state's files are on disk, written out first if they are not there."""
    check_name(name, "state")
    path = directory(model, name)
    if path is not None:
        return path
    tree = saved_tree(model, name)
    if tree is None:
        raise missing(name)
    if model.repository.is_bare:
        raise GitstoreError(
            "a bare repository has no states on disk", f"gitstore state export {name} DIR writes its files"
        )
    target = model.states / name
    try:
        with construction(target, durable=False) as hidden:
            fill(model, tree, hidden, progress)
    except GitstoreError:
        if directory(model, name) is None:  # else another command was faster
            raise
    return target


def fill(model: Model, tree: Oid, directory: Path, progress: Progress = lambda _: None) -> None:
    """Write the files of a stored state into a new directory, checked and joined."""
    found = list(stored.files(model.repository.objects, tree, joined=True))
    cache = model.repository.stat_cache()
    extract.extract(model.repository.objects, found, directory, progress)
    files.remember(directory, found, cache)
    cache.save()


def check_vacant(model: Model, name: str) -> None:
    """Raise `GitstoreError` if a root state would take the name of a derived model."""
    check_name(name, "state")
    if not model.prefix and is_derived(model.repository, name):
        raise GitstoreError(
            f"{name} is the name of a derived model, so no state can have it", "choose another name"
        )


def _way_in(model: Model, name: str) -> str:
    """How files become a state."""
    if model.repository.is_bare:
        return f"a bare repository has no states on disk; gitstore state import PATH --name {name} saves one"
    return f"put its files into {model.directory / STATES / name}/"
