"""Evaluating a snapshot on a launcher, or a working copy as it is on disk.

numpy and what needs it are loaded after a local worker was started. Both take as long, on two cores.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from gitstore.events import dispatch
from gitstore.events.events import PostEvaluate
from gitstore.models.model import Model
from gitstore.models.snapshot import Snapshot
from gitstore.progress import Progress
from gitstore.run import process
from gitstore.run.conditions import Conditions
from gitstore.run.workplace import Files, RuntimeSpec, Workplace

if TYPE_CHECKING:
    from gitstore.run.interrupts import Interrupts
    from gitstore.run.supervisor import Evaluation
    from gitstore.run.values.inputs import Inputs
    from gitstore.run.warm import WarmModel
    from gitstore.run.worker.tensors import Value


class SnapshotLauncher(Protocol):
    """Evaluates snapshots somewhere. All launchers give the same outputs and the same failures."""

    def evaluate(
        self, snapshot: Snapshot, inputs: Mapping[str, Value], *, progress: Progress = ...
    ) -> Evaluation:
        """Evaluate inputs. `progress` is called with bytes of the state that are brought to the place.

        Raises InvalidInput before anything runs, and OperationFailed if the model fails.
        """


@dataclass(frozen=True)
class LocalLauncher:
    """Evaluates each time in a process of its own on this machine, from the user's cache.

    After one of the `interrupts`, which any thread may add, what runs raises Cancelled.
    """

    conditions: Conditions
    interrupts: Interrupts | None = None

    def evaluate(
        self, snapshot: Snapshot, inputs: Mapping[str, Value], *, progress: Progress = lambda _: None
    ) -> Evaluation:
        """Evaluate inputs; see `SnapshotLauncher.evaluate`."""
        from gitstore.run import supervisor

        with self._open(snapshot, progress) as (code, state, workplace):
            return supervisor.evaluate(
                code=code,
                state=state,
                settings=snapshot.settings,
                inputs=inputs,
                workplace=workplace,
                interrupts=self.interrupts,
            )

    def read_and_evaluate(
        self, snapshot: Snapshot, inputs: Inputs, *, progress: Progress = lambda _: None
    ) -> Evaluation:
        """Read inputs, and evaluate them. The worker starts meanwhile, if nothing has to be built for it.

        Raises like `evaluate`: InvalidInput before the model's code runs.
        """
        definitions = snapshot.settings.types.evaluate.inputs
        if not self.has_all(snapshot):
            return self.evaluate(snapshot, inputs.read(definitions), progress=progress)
        with (
            self._open(snapshot, progress) as (code, state, workplace),
            process.start_worker(workplace, Files(code, state)) as worker,
        ):
            from gitstore.run import supervisor

            arrays = inputs.read(definitions)
            dispatch.prepare(snapshot.repository)
            return supervisor.evaluate_on(
                worker,
                settings=snapshot.settings,
                inputs=arrays,
                workplace=workplace,
                interrupts=self.interrupts,
            )

    def has_all(self, snapshot: Snapshot) -> bool:
        """Whether all that a worker needs is on disk already: the environment, the code and the state."""
        cache = self.conditions.cache
        return (
            cache.has_code(snapshot.code_tree)
            and cache.has_state(snapshot.state_tree)
            and self.conditions.has_environment(_read_spec(snapshot))
        )

    @contextmanager
    def open_warm(
        self,
        snapshot: Snapshot,
        *,
        progress: Progress = lambda _: None,
        interrupts: Interrupts | None = None,
    ) -> Iterator[WarmModel]:
        """Instantiate the model of a snapshot, and keep it until the block ends.

        Raises OperationFailed if it cannot be instantiated. `interrupts` are those of this model alone.
        """
        from gitstore.run import warm

        with (
            self._open(snapshot, progress) as (code, state, workplace),
            warm.open_warm_model(
                Files(code, state),
                settings=snapshot.settings,
                workplace=workplace,
                interrupts=interrupts or self.interrupts,
            ) as model,
        ):
            yield model

    def count_workers(self, snapshot: Snapshot) -> int:
        """Return how many warm models have room on the cores of this machine, at least 1."""
        cpus = self.conditions.sandbox.cpus or snapshot.settings.default_launchers.evaluate.cpus
        return max(_count_cores() // math.ceil(cpus), 1)

    @contextmanager
    def _open(self, snapshot: Snapshot, progress: Progress) -> Iterator[tuple[Path, Path, Workplace]]:
        """Provide the code and the state of a snapshot, and a place for a worker."""
        cache, repository = self.conditions.cache, snapshot.repository
        with (
            self.conditions.open_workplace(_read_spec(snapshot), "evaluate") as workplace,
            cache.open_code(repository, snapshot.code_tree) as code,
            cache.open_state(repository, snapshot.state_tree, progress=progress) as state,
        ):
            yield code, state, workplace


def _read_spec(snapshot: Snapshot) -> RuntimeSpec:
    return RuntimeSpec(snapshot.settings, snapshot.lock_content)


def _count_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def evaluate_snapshot(
    snapshot: Snapshot, inputs: Inputs, *, launcher: SnapshotLauncher, progress: Progress = lambda _: None
) -> Evaluation:
    """Evaluate a snapshot on a launcher. Nothing is written to its repository.

    `progress` is called with bytes of the state. Raises `InvalidInput` and `NotCurrent` before the model's
    code runs, and `OperationFailed` if it fails.
    """
    if isinstance(launcher, LocalLauncher):
        evaluated = launcher.read_and_evaluate(snapshot, inputs, progress=progress)
    else:
        arrays = inputs.read(snapshot.settings.types.evaluate.inputs)
        evaluated = launcher.evaluate(snapshot, arrays, progress=progress)
    event = _build_post_evaluate(evaluated, snapshot.model, state_name=snapshot.state_name, snapshot=snapshot)
    dispatch.notify_post_hook(snapshot.repository, event)
    return evaluated


def evaluate_working_copy(model: Model, inputs: Inputs, *, conditions: Conditions) -> Evaluation:
    """Evaluate the code and the active state of a working copy, as they are on disk.

    Raises like `evaluate_snapshot`.
    """
    from gitstore.run import supervisor, working_copy

    arrays = inputs.read(model.settings.types.evaluate.inputs)
    with (
        working_copy.open_workplace(model, conditions, "evaluate") as workplace,
        working_copy.open_active_state(model) as weights,
    ):
        code = working_copy.find_code(model)
        evaluated = supervisor.evaluate(
            code=code, state=weights, settings=model.settings, inputs=arrays, workplace=workplace
        )
    event = _build_post_evaluate(evaluated, model.name, state_name=model.active_state)
    dispatch.notify_post_hook(model.repository, event)
    return evaluated


def _build_post_evaluate(
    evaluation: Evaluation, model: str, *, state_name: str, snapshot: Snapshot | None = None
) -> PostEvaluate:
    from gitstore.run.worker import tensors

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
        **evaluation.workplace.describe(),
    )
