"""What runs of a working copy: its code, and the files of its active state."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gitstore.errors import GitstoreError
from gitstore.models import state
from gitstore.models.model import Model
from gitstore.states.materialize import materialize

_log = logging.getLogger(__name__)


def code_directory(model: Model) -> Path:
    """Where the model's code is, to run from."""
    if model.repository.is_bare:
        raise GitstoreError(
            "a bare repository has no code on disk to run",
            "run the command in a clone; here, only gitstore evaluate SNAPSHOT works",
        )
    return model.directory / model.code


@contextmanager
def active_state_directory(model: Model) -> Iterator[Path]:
    """The active state's files; an empty directory while there is no such state."""
    code_directory(model)
    name = state.active(model)
    if state.directory(model, name) is not None or state.saved_tree(model, name) is not None:
        yield materialize(model, name)
    else:
        _warn_of_missing_weights(model, name)
        with tempfile.TemporaryDirectory(prefix="gitstore-state-") as empty:
            yield Path(empty)


def _warn_of_missing_weights(model: Model, name: str) -> None:
    """Say that there are no weights, unless the model is new: a clone has its snapshots, but no state."""
    if model.repository.refs.has_any_below(model.tag_ref(""), model.state_ref("")):
        _log.warning(
            "the state %s is neither on disk nor saved, so the model runs without weights; gitstore restore"
            " SNAPSHOT restores those of a snapshot, and gitstore state list shows other states",
            name,
        )
