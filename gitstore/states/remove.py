"""Removing states: their refs, their files on disk, and the choice of the active state."""

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
from gitstore.git.refs import RefChange
from gitstore.models import active_state, state
from gitstore.models.model import STATES, Model, check_name
from gitstore.progress import Progress
from gitstore.storage import usage
from gitstore.storage.reachability import find_held
from gitstore.workingcopy import state as working_state
from gitstore.workingcopy.state import WorkingState
from gitstore.workingcopy.unsaved import Holdings, WouldLose


@dataclass(frozen=True)
class RemovedStates:
    """The removed states, the bytes that only they held, which gc frees, and which state is active now."""

    names: tuple[str, ...]
    exclusive: int
    active: str


def remove(
    model: Model, names: Sequence[str], *, force: bool = False, progress: Progress = lambda _: None
) -> RemovedStates:
    """Remove states, saved and on disk. One transaction removes all of their refs or none.

    A kill before the transaction may leave files on disk deleted, but only files that git holds or that
    `force` gave up. Raises `NoSuchState`. Unless `force`, raises `GitstoreError` for the active state, and
    `WouldLose` for files on disk that neither a saved state nor a snapshot holds. Nothing is removed then.
    `progress` is called with bytes read. The hook post-state runs for each state at the end.
    """
    removed = _remove(model, tuple(dict.fromkeys(names)), force=force, progress=progress)
    for name in removed.names:
        dispatch.notify_post_hook(model.repository, PostState(model=model.name, change="removed", state=name))
    return removed


def _remove(model: Model, names: tuple[str, ...], *, force: bool, progress: Progress) -> RemovedStates:
    refs = model.repository.refs
    with locks.state_names(model.repository.private), working_state.locked_alone(model):
        for name in names:
            _check_exists(model, name)
        checked = {}
        if not force:
            _check_inactive(model, names)
            checked = _check_losses(model, names, progress)
        removed = {model.state_ref(name) for name in names}
        held = find_held(model.repository, without=removed)
        exclusive = sum(usage.measure_exclusive(model.repository, removed, held).values())
        oids = {ref: refs.get(ref) for ref in removed}
        changes = [RefChange(ref, oid, None) for ref, oid in oids.items() if oid is not None]
        with _deactivate(model, names), _hide_directories(model, names) as hidden:
            for name in hidden if not force else ():
                _check_same(model, name, checked=checked.get(name), hidden=hidden[name])
            if changes:
                refs.change(changes, f"remove state {', '.join(names)}")
    return RemovedStates(names, exclusive, model.active_state)


def _check_exists(model: Model, name: str) -> None:
    check_name(name, "state")
    if state.find_saved_tree(model, name) is None and state.find_directory(model, name) is None:
        raise state.missing_error(name)


def _check_inactive(model: Model, names: Sequence[str]) -> None:
    active = model.active_state
    if active in names:
        raise GitstoreError(
            f"{active} is the active state",
            "gitstore state use NAME makes another state active; --force removes it anyway",
        )


def _check_losses(model: Model, names: Sequence[str], progress: Progress) -> dict[str, WorkingState]:
    """Raise `WouldLose` for files on disk that would be lost; returns the states that are on disk."""
    holdings = Holdings(model)
    states = {name: working_state.read(model, name, progress) for name in names}
    on_disk = {name: working for name, working in states.items() if working is not None}
    lost = [path for working in on_disk.values() for path in working.find_losses(holdings)]
    if lost:
        raise WouldLose(f"removing {', '.join(names)}", lost, hint="gitstore state save or export keeps it")
    return on_disk


def _check_same(model: Model, name: str, *, checked: WorkingState | None, hidden: Path) -> None:
    """Raise `FileChanged` if a directory that is now hidden differs from what was checked before."""
    if checked is not None:
        checked.check_current(hidden)
    elif scan.has_file(hidden):
        raise FileChanged(model.claim_states() / name)


@contextmanager
def _deactivate(model: Model, names: Sequence[str]) -> Iterator[None]:
    """Forget the choice of the active state if it is one of `names`; restore it if the block fails."""
    chosen = active_state.read_chosen(model.repository, model.prefix)
    if chosen is None or chosen not in names:
        yield
        return
    # This goes first: after a kill, the state still exists, and the same command can remove it.
    active_state.forget(model.repository, model.prefix)
    try:
        yield
    except BaseException:
        active_state.choose(model.repository, model.prefix, chosen)
        raise


@contextmanager
def _hide_directories(model: Model, names: Sequence[str]) -> Iterator[dict[str, Path]]:
    """Hide the states' directories, and delete them if the block succeeds.

    Yields where they are meanwhile, by the states' names.
    """
    with ExitStack() as stack:
        hidden = {}
        for name in names if not model.repository.is_bare else ():
            if (model.directory / STATES / name).is_dir():
                hidden[name] = stack.enter_context(absence(model.claim_states() / name))
        yield hidden
