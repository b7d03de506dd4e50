"""Using a state: it becomes the active one."""

from __future__ import annotations

from gitstore.models import active_state, state
from gitstore.models.active_state import FIRST_STATE
from gitstore.models.model import Model, check_name


def use_state(model: Model, name: str) -> None:
    """Make a state the active one. It is saved or on disk; `initial` may be active before it exists.

    No file changes. Atomic and durable. Raises `NoSuchState`, and `Locked` while git changes the
    repository's configuration.
    """
    check_name(name, "state")
    if (
        name != FIRST_STATE
        and state.find_saved_tree(model, name) is None
        and state.find_directory(model, name) is None
    ):
        raise state.missing_error(name)
    active_state.choose(model.repository, model.prefix, name)
