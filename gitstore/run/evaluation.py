"""Evaluating a snapshot from the cache, or a working copy as it is on disk."""

from __future__ import annotations

from gitstore.events import dispatch
from gitstore.events.events import PostEvaluate
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.progress import Progress
from gitstore.run import supervisor, working_copy
from gitstore.run.conditions import Conditions
from gitstore.run.supervisor import Evaluation
from gitstore.run.values.inputs import Inputs
from gitstore.run.worker import tensors
from gitstore.run.workplace import RuntimeSpec


def evaluate_snapshot(
    snapshot: Snapshot,
    inputs: Inputs,
    *,
    conditions: Conditions,
    progress: Progress = lambda _: None,
) -> Evaluation:
    """Evaluate a snapshot from the user's cache. Nothing is written to its repository.

    `progress` is called with bytes of the state. Raises `InvalidInput` and `NotCurrent` before anything runs,
    and `OperationFailed` if the model fails.
    """
    arrays = inputs.read(snapshot.settings.types.evaluate.inputs)
    spec = RuntimeSpec(snapshot.settings, snapshot.lock_content)
    with (
        conditions.open_workplace(spec, "evaluate") as workplace,
        conditions.cache.open_code(snapshot.repository, snapshot.code_tree) as code,
        conditions.cache.open_state(snapshot.repository, snapshot.state_tree, progress=progress) as weights,
    ):
        evaluated = supervisor.evaluate(
            code=code,
            state=weights,
            settings=snapshot.settings,
            inputs=arrays,
            workplace=workplace,
        )
    event = _build_post_evaluate(
        evaluated,
        snapshot.model,
        state_name=snapshot.state_name,
        snapshot=snapshot,
        unlocked=workplace.is_unlocked,
    )
    dispatch.notify_post_hook(snapshot.repository, event)
    return evaluated


def evaluate_working_copy(model: Model, inputs: Inputs, *, conditions: Conditions) -> Evaluation:
    """Evaluate the code and the active state of a working copy, as they are on disk.

    Raises like `evaluate_snapshot`.
    """
    arrays = inputs.read(model.settings.types.evaluate.inputs)
    with (
        working_copy.open_workplace(model, conditions, "evaluate") as workplace,
        working_copy.open_active_state(model) as weights,
    ):
        code = working_copy.find_code(model)
        evaluated = supervisor.evaluate(
            code=code, state=weights, settings=model.settings, inputs=arrays, workplace=workplace
        )
    event = _build_post_evaluate(
        evaluated, model.name, state_name=model.active_state, unlocked=workplace.is_unlocked
    )
    dispatch.notify_post_hook(model.repository, event)
    return evaluated


def _build_post_evaluate(
    evaluation: Evaluation, model: str, *, state_name: str, unlocked: bool, snapshot: Snapshot | None = None
) -> PostEvaluate:
    return PostEvaluate(
        model=model,
        snapshot=snapshot.name if snapshot is not None else None,
        ref=snapshot.ref if snapshot is not None else None,
        tag=str(snapshot.tag_oid) if snapshot is not None else None,
        state=state_name,
        outputs={
            name: {"dtype": tensors.find_dtype(value).name, "shape": list(tensors.find_shape(value))}
            for name, value in evaluation.outputs.items()
        },
        durations=evaluation.durations,
        unlocked=unlocked,
    )
