"""States: named directories of weights, which one is active, and which are saved.

A state is *on disk* when `states/NAME/` is there, *saved* when `refs/states/NAME` is: a commit without
parents whose tree holds the files. Which one is active is in the repository's configuration, see
`active_state`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitstore.bigfiles import scan, stored
from gitstore.bigfiles.hash import hash_directory
from gitstore.errors import GitstoreError, NoSuchState, StateExists
from gitstore.models.model import Model, check_name, has_derived_model
from gitstore.names import name_problem
from gitstore.objects.database import AbsentObject
from gitstore.packs.oid import Oid
from gitstore.progress import Progress


@dataclass(frozen=True)
class State:
    """A state of a model. `tree` is the saved tree, if it is saved.

    `size` is in bytes; `None` if a partial clone lacks files of it.
    """

    name: str
    is_active: bool
    tree: Oid | None
    on_disk: bool
    is_modified: bool
    size: int | None


def list_names(model: Model) -> list[str]:
    """List the names of all states, saved or on disk, sorted. Directories with other names do not count."""
    prefix = model.state_ref("")
    candidates = {ref.removeprefix(prefix) for ref, _ in model.repository.refs.below(prefix)}
    if not model.repository.is_bare and model.claim_states().is_dir():
        candidates |= {path.name for path in model.claim_states().iterdir() if path.is_dir()}
    return sorted(name for name in candidates if name_problem(name) is None)


def find_saved_tree(model: Model, name: str) -> Oid | None:
    """Return the tree of a saved state; `None` if it is not saved."""
    oid = model.repository.refs.get(model.state_ref(name))
    return model.repository.commit(oid).tree if oid is not None else None


def find_directory(model: Model, name: str) -> Path | None:
    """Where a state is on disk, if it is. Directories without a file hide no saved state, as git has it."""
    if model.repository.is_bare:
        return None
    return _find_on_disk(model.claim_states() / name, is_saved=find_saved_tree(model, name) is not None)


def _find_on_disk(path: Path, *, is_saved: bool) -> Path | None:
    """Return the directory of a state, if it exists and counts as the state."""
    return path if path.is_dir() and (not is_saved or scan.has_file(path)) else None


def has_files(model: Model, name: str) -> bool:
    """Whether a state has files on disk. Directories alone do not count."""
    path = find_directory(model, name)
    return path is not None and scan.has_file(path)


def find_state(model: Model, name: str) -> State:
    """Return a state. Reads its files on disk if they may have changed. Raises `NoSuchState`."""
    check_name(name, "state")
    for state in list_states(model, only=name):
        return state
    raise missing_error(name)


def list_states(
    model: Model, progress: Progress = lambda _: None, *, only: str | None = None
) -> Iterator[State]:
    """List all states by name, or one of them. Reads files on disk that may have changed."""
    current, prefix, repository = model.active_state, model.state_ref(""), model.repository
    saved = {ref.removeprefix(prefix): oid for ref, oid in repository.refs.below(prefix)}
    states, cache = None if repository.is_bare else model.claim_states(), repository.stat_cache()
    for name in list_names(model):
        if only not in (None, name):
            continue
        tree = repository.commit(saved[name]).tree if name in saved else None
        path = _find_on_disk(states / name, is_saved=name in saved) if states is not None else None
        if path is not None:
            listing, is_modified = scan.scan_directory(path), False
            if tree is not None:
                hashed = hash_directory(listing, repository.objects, cache, progress=progress)
                is_modified = hashed.tree != tree
            yield State(name, name == current, tree, True, is_modified, listing.size)
        elif tree is not None:
            yield State(name, name == current, tree, False, False, _measure_if_here(model, tree))


def _measure_if_here(model: Model, tree: Oid) -> int | None:
    try:
        return measure_tree(model, tree)
    except AbsentObject:
        return None


def measure_tree(model: Model, tree: Oid) -> int:
    """Return the size in bytes of the files in a state's tree."""
    objects = model.repository.objects
    return sum(file.size(objects) for file in stored.list_files(objects, tree, joined=True))


def not_saved_error(model: Model, name: str) -> NoSuchState:
    """Make the error for a state that is not saved, and may not exist."""
    if find_directory(model, name) is not None:
        return NoSuchState(f"the state {name} is not saved", f"gitstore state save {name} saves it")
    return missing_error(name)


def missing_error(name: str) -> NoSuchState:
    """Make the error for a state that is neither on disk nor saved."""
    return NoSuchState(f"there is no state {name}", "gitstore state list shows the states")


def exists_error(name: str, hint: str = "choose another name") -> StateExists:
    """Make the error for a state that already exists."""
    return StateExists(f"the state {name} already exists", hint)


def check_new_name(model: Model, name: str) -> None:
    """Raise `GitstoreError` if a root state would take the name of a derived model."""
    check_name(name, "state")
    if not model.prefix and has_derived_model(model.repository, name):
        raise GitstoreError(
            f"{name} is the name of a derived model, so it cannot be the name of a state",
            "choose another name",
        )
