"""Removing states: the refs and the files on disk, and the choice of the active state with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitstore.bigfiles import scan
from gitstore.disk import locks
from gitstore.disk.exchange import absence
from gitstore.errors import FileChanged, GitstoreError
from gitstore.events import dispatch
from gitstore.events.events import PostState
from gitstore.git.refs import Change
from gitstore.models import active_state, state
from gitstore.models.model import STATES, Model, check_name
from gitstore.progress import Progress
from gitstore.storage import usage
from gitstore.storage.reachability import held
from gitstore.workingcopy import state as working_state
from gitstore.workingcopy.state import WorkingState
from gitstore.workingcopy.unsaved import Holdings, WouldLose


@dataclass(frozen=True)
class Removed:
    """The states that are gone, the bytes that gc can free for it, and which state is active now."""

    names: tuple[str, ...]
    exclusive: int
    active: str


def remove(
    model: Model, names: Sequence[str], *, force: bool = False, progress: Progress = lambda _: None
) -> Removed:
    """Remove states, saved and on disk: all or none of the refs, by one transaction.

    Killed before that, their files on disk may be gone, but only those that git holds or `force` gave
    up. Raises `NoSuchState`; and, unless `force`, `GitstoreError` for the active state and `WouldLose`
    for files on disk that neither a saved state nor a snapshot holds. Nothing is removed then. The hook
    post-state runs for each when all are gone.
    """
    removed = _remove(model, tuple(dict.fromkeys(names)), force=force, progress=progress)
    for name in removed.names:
        dispatch.tell(model.repository, PostState(model=model.name, change="removed", state=name))
    return removed


def _remove(model: Model, chosen: tuple[str, ...], *, force: bool, progress: Progress) -> Removed:
    refs = model.repository.refs
    with locks.state_names(model.repository.private), working_state.alone(model):
        for name in chosen:
            _check_there(model, name)
        seen = {}
        if not force:
            _check_inactive(model, chosen)
            seen = _check_losses(model, chosen, progress)
        doomed = {model.state_ref(name) for name in chosen}
        others = held(model.repository, without=doomed)
        exclusive = sum(usage.exclusive(model.repository, doomed, others).values())
        oids = {ref: refs.get(ref) for ref in doomed}
        changes = [Change(ref, oid, None) for ref, oid in oids.items() if oid is not None]
        with _inactive(model, chosen), _away(model, chosen) as hidden:
            for name in hidden if not force else ():
                _check_same(model, name, seen.get(name), hidden[name])
            if changes:
                refs.change(changes, f"remove state {', '.join(chosen)}")
    return Removed(chosen, exclusive, state.active(model))


def drop(model: Model, name: str, *, force: bool = False, progress: Progress = lambda _: None) -> None:
    """Delete a state's directory on disk; what is saved of it stays, and can be written out again.

    Raises `NoSuchState`, and `GitstoreError` if it is not saved, or not as it is on disk unless `force`.
    """
    check_name(name, "state")
    with working_state.alone(model):
        found = working_state.read(model, name, progress) if not model.repository.is_bare else None
        saved = state.saved_tree(model, name)
        if found is None:
            what = "is not on disk" if saved is not None else "is not there"
            raise state.NoSuchState(f"the state {name} {what}", "gitstore state list shows where states are")
        if saved is None:
            raise GitstoreError(
                f"the state {name} is not saved", f"gitstore state save {name}; gitstore state rm removes it"
            )
        if found.tree != saved and not force:
            raise GitstoreError(
                f"the state {name} has changed on disk since it was saved",
                f"gitstore state save {name} keeps the changes, --force drops them",
            )
        with absence(model.states / name) as hidden:
            if not force:
                found.check_current(hidden)


def _check_there(model: Model, name: str) -> None:
    check_name(name, "state")
    if state.saved_tree(model, name) is None and state.directory(model, name) is None:
        raise state.missing(name)


def _check_inactive(model: Model, names: Sequence[str]) -> None:
    active = state.active(model)
    if active in names:
        raise GitstoreError(
            f"{active} is the active state",
            "gitstore state use makes another one active; --force removes it all the same",
        )


def _check_losses(model: Model, names: Sequence[str], progress: Progress) -> dict[str, WorkingState]:
    """Raise `WouldLose` for files on disk that would be lost; returns what is there."""
    holdings = Holdings(model)
    on_disk = {name: working_state.read(model, name, progress) for name in names}
    seen = {name: found for name, found in on_disk.items() if found is not None}
    lost = [path for found in seen.values() for path in found.losses(holdings)]
    if lost:
        raise WouldLose(f"removing {', '.join(names)}", lost, "gitstore state save or export keeps it")
    return seen


def _check_same(model: Model, name: str, seen: WorkingState | None, hidden: Path) -> None:
    """Raise `FileChanged` if a directory, out of sight by now, is not what was looked at before."""
    if seen is not None:
        seen.check_current(hidden)
    elif scan.has_file(hidden):
        raise FileChanged(model.states / name)


@contextmanager
def _inactive(model: Model, names: Sequence[str]) -> Iterator[None]:
    """Choose no state any more if one of these is the active one; chosen again after an error."""
    chosen = active_state.chosen(model.repository, model.prefix)
    if chosen is None or chosen not in names:
        yield
        return
    # First: killed after it, the state is there, and can be removed by a repeat.
    active_state.forget(model.repository, model.prefix)
    try:
        yield
    except BaseException:
        active_state.choose(model.repository, model.prefix, chosen)
        raise


@contextmanager
def _away(model: Model, names: Sequence[str]) -> Iterator[dict[str, Path]]:
    """Take the states' directories out of sight, and delete them when the block ends well.

    Returns where they are meanwhile.
    """
    with ExitStack() as stack:
        hidden = {}
        for name in names if not model.repository.is_bare else ():
            if (model.directory / STATES / name).is_dir():
                hidden[name] = stack.enter_context(absence(model.states / name))
        yield hidden
