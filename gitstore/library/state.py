"""A state, as a script or a notebook sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gitstore.models import state as states
from gitstore.models.model import Model as InternalModel
from gitstore.progress import Progress


@dataclass(frozen=True)
class State:
    """A state of a model, as it was when the model was asked for it.

    `path` is its directory in the working copy, `None` where it is only saved; `size` are the bytes of its
    files. A state is modified when its files on disk are not what is saved of it.
    """

    name: str
    path: Path | None
    size: int | None
    is_active: bool
    is_saved: bool
    is_modified: bool


def list_states(model: InternalModel, progress: Progress) -> Iterator[State]:
    """Yield all states of a model, by name."""
    for entry in states.list_states(model, progress):
        yield State(
            name=entry.name,
            path=model.claim_states() / entry.name if entry.on_disk else None,
            size=entry.size,
            is_active=entry.is_active,
            is_saved=entry.tree is not None,
            is_modified=entry.is_modified,
        )


def wrap_saved_state(model: InternalModel, name: str, size: int) -> State:
    """Return a state that was saved just now; it is on disk as well unless the model is bare."""
    path = None if model.repository.is_bare else model.claim_states() / name
    is_active = model.active_state == name
    return State(name, path, size, is_active=is_active, is_saved=True, is_modified=False)
