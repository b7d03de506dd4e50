"""The parts of a working copy that an operation runs from: the code, and the files of the active state."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitstore.errors import GitstoreError
from gitstore.models import state
from gitstore.models.model import LOCK, Model
from gitstore.run.conditions import Conditions
from gitstore.run.workplace import RuntimeSpec, Workplace
from gitstore.states.materialize import materialize

_log = logging.getLogger(__name__)


def find_code(model: Model) -> Path:
    """Return the directory of the model's code. Raises `GitstoreError` for a bare repository."""
    if model.repository.is_bare:
        raise GitstoreError(
            "a bare repository has no code on disk to run",
            "run the command in a clone; here, only gitstore evaluate SNAPSHOT works",
        )
    return model.directory / model.code_directory


@contextmanager
def open_active_state(model: Model) -> Iterator[Path]:
    """Provide a directory with the active state's files, which is empty while there is no such state."""
    find_code(model)
    name = model.active_state
    if state.find_directory(model, name) is not None or state.find_saved_tree(model, name) is not None:
        yield materialize(model, name)
    else:
        _warn_of_missing_weights(model, name)
        with tempfile.TemporaryDirectory(prefix="gitstore-state-") as empty:
            yield Path(empty)


@contextmanager
def open_workplace(model: Model, conditions: Conditions, operation: str) -> Iterator[Workplace]:
    """Provide a place for a worker, as settings.yaml and packages.lock of the working copy ask for it."""
    spec = RuntimeSpec(model.settings, model.read_top_file(LOCK))
    with conditions.open_workplace(spec, operation) as workplace:
        yield workplace


def _warn_of_missing_weights(model: Model, name: str) -> None:
    """Warn that there are no weights, unless the model is new: a clone has snapshots, but no state."""
    if model.repository.refs.has_any_below(model.tag_ref(""), model.state_ref("")):
        _log.warning(
            "the state %s is neither on disk nor saved, so the model runs without weights; gitstore restore"
            " SNAPSHOT restores those of a snapshot, and gitstore state list shows other states",
            name,
        )
