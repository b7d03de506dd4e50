"""A new state that a training loop of one's own makes, as the loop sees it."""

from __future__ import annotations

from pathlib import Path

from gitstore.library import state as states
from gitstore.library.state import State
from gitstore.models.model import Model as InternalModel
from gitstore.run.recording.own_training import OwnTraining


class NewState:
    """A state that is being made, which `model.new_state` gives."""

    def __init__(self, model: InternalModel, training: OwnTraining) -> None:
        self._model = model
        self._training = training

    def __repr__(self) -> str:
        return f"<NewState in {self.path}>"

    @property
    def path(self) -> Path:
        """An empty directory. What is in it at the end of the block is the state, which is then elsewhere."""
        return self._training.path

    def metric(self, name: str, value: float) -> None:
        """Record one value of a series, such as the loss after an epoch.

        Raises `ValueError` unless the name is printable text of 1 to 200 characters.
        """
        self._training.add_metric(name, value)

    @property
    def saved(self) -> State | None:
        """The state after the block has ended; `None` before, and if it has failed."""
        saved = self._training.saved
        return states.wrap_saved_state(self._model, saved.name, saved.size) if saved is not None else None
