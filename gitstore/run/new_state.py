"""A new state of an operation: hidden while the model writes it, then named, then saved."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gitstore.bigfiles import scan
from gitstore.disk import directories
from gitstore.disk.atomic import sync_tree
from gitstore.disk.permissions import open_up
from gitstore.errors import GitstoreError, StateExists
from gitstore.git.repository import Repository
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.run.supervisor import Metric
from gitstore.run.workplace import Workplace
from gitstore.states.save import Saved, save_new

_HIDDEN = "new"


class Unsaved(GitstoreError):
    """The result of a model is on disk, in the directory `path`, but could not be saved."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"the model's result is in {path}, but could not be saved: {reason}",
            f"gitstore state save {path.name} saves it",
        )
        self.path = path


@dataclass(frozen=True)
class Result:
    """A state that an operation made, its metrics, the seconds of each phase, and where it ran."""

    saved: Saved
    metrics: tuple[Metric, ...]
    durations: Mapping[str, float]
    workplace: Workplace


@contextmanager
def hidden_state(model: Model) -> Iterator[Path]:
    """Provide a directory beside the states for the model to write to. It is removed unless it was kept."""
    model.claim_states().mkdir(exist_ok=True)
    with directories.hidden(model.claim_states(), _HIDDEN) as out:
        yield out


def keep_state(model: Model, name: str | None, out: Path) -> Saved:
    """Name the directory that the model wrote, then save it as a state; `None` is the first free name.

    It gets its name before it is saved, because training may have taken hours: if saving fails, the files are
    still complete on disk, under a name. Raises `Unsaved` in that case.
    """
    scan.scan_directory(out)  # what a state cannot hold is refused before it has a name
    sync_tree(out)
    open_up(out)
    directory = _give_name(model, name, out)
    while True:
        try:
            if name not in (None, directory.name):
                raise state.exists_error(name)
            with model.repository.reading_files():
                return save_new(model, directory.name, scan.scan_directory(directory))
        except StateExists as error:
            # Another working copy has just saved a state with that name.
            directory = _give_name(model, None, directory)
            if name is not None:
                raise Unsaved(directory, error.message) from error
        except GitstoreError as error:
            raise Unsaved(directory, error.message) from error
        except OSError as error:
            raise Unsaved(directory, str(error.strerror)) from error


def _give_name(model: Model, name: str | None, out: Path) -> Path:
    """Rename a directory to that of a state, never over existing files, and return its new path.

    If the name is in use by then, it gets the first free name.
    """
    while True:
        directory = model.claim_states() / (name or _choose_name(model))
        try:
            return out.rename(directory)
        except OSError as error:
            if not os.path.lexists(directory):
                raise GitstoreError(f"{directory} cannot be made: {error.strerror}") from error
        name = None  # files of that name have appeared meanwhile


def check_intact(model: Model, saved: Saved | None = None) -> None:
    """Check that the repository still exists and has the saved state, which the model's code could remove.

    Raises `GitstoreError` if not, and `Corrupt` for a missing object.
    """
    before = model.repository
    try:
        repository = Repository(before.git_directory)
        is_same = repository.common == before.common and repository.directory == before.directory
    except GitstoreError:
        is_same = False
    if not is_same:
        raise GitstoreError(
            f"{before.common} was replaced while the model's code ran",
            "nothing was recorded; a clone or a backup may still have the old repository",
        )
    if saved is not None:
        oid = repository.refs.get(model.state_ref(saved.name))
        if oid is None or repository.commit(oid).tree != saved.tree or saved.tree not in repository.objects:
            raise GitstoreError(
                f"the state {saved.name} was saved, but has been removed since",
                "something removes gitstore's files: check the model's code",
            )


def check_new(model: Model, name: str) -> None:
    """Raise `GitstoreError` if a state of that name exists: an operation never overwrites a state."""
    state.check_new_name(model, name)
    if state.find_saved_tree(model, name) is not None:
        raise state.exists_error(name)
    if state.has_files(model, name):
        # Possibly those of an operation that was killed before it saved them.
        raise state.exists_error(name, f"gitstore state save {name} saves it as it is on disk")


def _choose_name(model: Model) -> str:
    """Return the first free name of trained-1, trained-2, …"""
    names = set(state.list_names(model))
    number = 1
    while f"trained-{number}" in names:
        number += 1
    return f"trained-{number}"
