"""Training a working copy: the result is a new state, on disk and saved."""

from __future__ import annotations

import math

from gitstore.errors import GitstoreError
from gitstore.events import dispatch
from gitstore.events.events import PostTrain
from gitstore.models.model import Model
from gitstore.run import new_state, supervisor, working_copy
from gitstore.run.conditions import Conditions
from gitstore.run.new_state import Result
from gitstore.run.recording.trainings import describe_origin, record_operation
from gitstore.run.recording.values import describing
from gitstore.run.supervisor import Observers
from gitstore.run.values.inputs import Inputs
from gitstore.states.save import notify_saved
from gitstore.states.use import use_state


def train(
    model: Model,
    inputs: Inputs,
    *,
    conditions: Conditions,
    name: str | None = None,
    use: bool = False,
    observers: Observers | None = None,
) -> Result:
    """Train a working copy's code from its active state. The result is a new state, called `name`.

    The state is on disk and saved, and with `use` it becomes the active one. Then the hooks post-state and
    post-train run. Raises like `evaluate_snapshot`, and `Cancelled`.
    """
    base = model.active_state
    data = inputs.read(model.settings.types.train)
    if name is not None:
        new_state.check_new(model, name)
    with (
        working_copy.open_workplace(model, conditions, "train") as workplace,
        working_copy.open_active_state(model) as weights,
        new_state.hidden_state(model) as out,
    ):
        origin = describe_origin(model, base=base)
        with describing(data) as description:
            training = supervisor.train(
                code=working_copy.find_code(model), state=weights, out=out,
                settings=model.settings, data=data, workplace=workplace, observers=observers,
            )  # fmt: skip
            new_state.check_intact(model)
            saved = new_state.keep_state(model, name, out)
    values = description.result()
    record_operation(model, saved, training, origin=origin, values=values, metrics=training.metrics)
    if use:
        _use(model, saved.name)
    new_state.check_intact(model, saved)
    result = Result(saved, training.metrics, training.durations, workplace=workplace)
    notify_saved(model, "trained", saved, place=training.workplace.describe())
    dispatch.notify_post_hook(model.repository, _build_post_train(model, base, result))
    return result


def _use(model: Model, name: str) -> None:
    """Make a new state the active one. An error says that the state is saved."""
    try:
        use_state(model, name)
    except (GitstoreError, OSError) as error:
        raise GitstoreError(
            f"the state {name} is on disk and saved, but not the active one: {error}",
            f"gitstore state use {name}",
        ) from error


def _build_post_train(model: Model, base: str, result: Result) -> PostTrain:
    saved = result.saved
    return PostTrain(
        model=model.name,
        state=saved.name,
        base_state=base,
        is_active=model.active_state == saved.name,
        tree=str(saved.tree),
        size=saved.size,
        added_bytes=saved.added,
        metrics=[
            {
                "seconds": metric.seconds,
                "name": metric.name,
                "value": metric.value if math.isfinite(metric.value) else None,  # JSON has no NaN
            }
            for metric in result.metrics
        ],
        durations=dict(result.durations),
        **result.workplace.describe(),
    )
