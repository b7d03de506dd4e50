"""Training a model of `models`, and changing what its methods do."""

from __future__ import annotations

from gitstore.models.model import Model
from gitstore.run import new_state, training
from gitstore.run.values.inputs import Assignments
from tests.support.models import user_conditions


def train(model: Model, *inputs: str, name: str | None = None) -> new_state.Result:
    """Train, as a fresh process would."""
    here = Model.open(model.directory)
    return training.train(
        here, Assignments(inputs or ["values=[2.5]"], here.directory), conditions=user_conditions(), name=name
    )


def code(model: Model, method: str, body: str) -> None:
    """Replace the body of one of the model's methods."""
    path = model.directory / "code" / "model.py"
    lines = path.read_text().splitlines()
    at = next(number for number, line in enumerate(lines) if line.startswith(f"    def {method}("))
    path.write_text("\n".join([*lines[: at + 1], f"        {body}", *lines[at + 1 :]]) + "\n")
