"""Dropping a state from disk, while it stays saved."""

from __future__ import annotations

from gitstore.disk.exchange import absence
from gitstore.errors import GitstoreError, NoSuchState
from gitstore.models import state
from gitstore.models.model import Model, check_name
from gitstore.progress import Progress
from gitstore.workingcopy import state as working_state


def drop(model: Model, name: str, *, force: bool = False, progress: Progress = lambda _: None) -> None:
    """Delete a state's directory on disk. The saved state stays, and can be written to disk again.

    Raises `NoSuchState` if the state is not on disk. Raises `GitstoreError` if it is not saved or, unless
    `force`, if it differs from what is saved. `progress` is called with bytes read.
    """
    check_name(name, "state")
    with working_state.locked_alone(model):
        on_disk = working_state.read(model, name, progress) if not model.repository.is_bare else None
        saved = state.find_saved_tree(model, name)
        if on_disk is None:
            problem = f"the state {name} is not on disk" if saved is not None else f"there is no state {name}"
            raise NoSuchState(problem, "gitstore state list shows where states are")
        if saved is None:
            raise GitstoreError(
                f"the state {name} is not saved",
                f"gitstore state save {name} saves it; gitstore state rm {name} removes it",
            )
        if on_disk.tree != saved and not force:
            raise GitstoreError(
                f"the state {name} has changed on disk since it was saved",
                f"gitstore state save {name} saves the changes; --force discards them",
            )
        with absence(model.claim_states() / name) as hidden:
            if not force:
                on_disk.check_current(hidden)
