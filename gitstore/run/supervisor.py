"""The operations: create a state, train, evaluate, each in a worker process of its own.

    create_state   code_startup → create_state
    evaluate       code_startup → instantiate_model → evaluate
    load           code_startup → instantiate_model
    train          code_startup → instantiate_model → train → get_state

Values are checked against settings.yaml before the worker starts and after it answers. Each phase must keep
its limit in `max_durations`. When a function of this module ends, its worker and every process that the
worker started have ended, and the only files are those that the model wrote. Every failure of a model's
code is an OperationFailed.

The caller passes directories and records the result. Nothing in this module knows git.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gitstore.errors import InvalidOutput
from gitstore.run import process
from gitstore.run.dialogue import Dialogue, Metric, Observers
from gitstore.run.interrupts import Interrupts
from gitstore.run.phases import Clock
from gitstore.run.process import Process
from gitstore.run.values import parameters
from gitstore.run.worker.tensors import Value
from gitstore.run.workplace import Files, Workplace
from gitstore.sandbox.results import find_planted_link
from gitstore.settings.schema import Parameter, Settings
from gitstore.text import quoted

__all__ = [
    "Creation",
    "Evaluation",
    "Metric",
    "Observers",
    "Training",
    "create_state",
    "evaluate",
    "load",
    "train",
]


@dataclass(frozen=True, kw_only=True)
class _Operation:
    """What is known of each operation. `durations` has the seconds of each phase, and their `total`.

    `workplace` is where it ran, `peak_memory` the most bytes of memory that the worker says it had, and
    `printed` the end of what it printed, at most `output.KEPT` bytes.
    """

    durations: dict[str, float]
    workplace: Workplace
    peak_memory: int | None = None
    printed: bytes = b""

    @property
    def sandbox(self) -> dict[str, Any]:
        """How the worker was confined."""
        return self.workplace.sandbox


class Creation(_Operation):
    """A created state."""


@dataclass(frozen=True, kw_only=True)
class Evaluation(_Operation):
    """The outputs by name, checked against settings.yaml: arrays, or a list of arrays if one is ragged."""

    outputs: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Training(_Operation):
    """The metrics in the order of their reports."""

    metrics: tuple[Metric, ...]


def create_state(
    *, code: Path, settings: Settings, params: Mapping[str, Value], out: Path, workplace: Workplace
) -> Creation:
    """Have the model write a new state into `out`, an existing, empty directory.

    Raises InvalidInput before anything runs, and OperationFailed, after which `out` may have part of a state.
    """
    inputs = parameters.check_inputs(params, settings.types.create_state)
    dialogue = _run("create_state", settings, inputs, workplace=workplace, files=Files(code, out=out))
    _check_links(out, workplace, phase="create_state")
    return Creation(
        durations=dialogue.durations,
        workplace=workplace,
        peak_memory=dialogue.peak_memory,
        printed=dialogue.printed,
    )


def evaluate(
    *,
    code: Path,
    state: Path,
    settings: Settings,
    inputs: Mapping[str, Value],
    workplace: Workplace,
    interrupts: Interrupts | None = None,
) -> Evaluation:
    """Load the model from `state`, and evaluate the inputs. An empty directory is a state, too.

    Raises InvalidInput before anything runs, and OperationFailed. KeyboardInterrupt stops the worker, and so
    does an interrupt, which raises Cancelled.
    """
    arrays = parameters.check_inputs(inputs, settings.types.evaluate.inputs)
    dialogue = _run(
        "evaluate",
        settings,
        arrays,
        workplace=workplace,
        files=Files(code, state),
        interrupts=interrupts,
    )
    return _make_evaluation(dialogue, settings, workplace)


def evaluate_on(
    worker: Process,
    *,
    settings: Settings,
    inputs: Mapping[str, Value],
    workplace: Workplace,
    interrupts: Interrupts | None = None,
) -> Evaluation:
    """Do what `evaluate` does, on a worker that was started for the files of a model, and for nothing else.

    `workplace` is where it runs. The worker ends. Raises like `evaluate`.
    """
    arrays = parameters.check_inputs(inputs, settings.types.evaluate.inputs)
    clock = Clock("evaluate", settings.max_durations)
    dialogue = _follow(
        worker, clock, settings=settings, inputs=arrays, workplace=workplace, interrupts=interrupts
    )
    worker.stop()  # so that all that it has printed is read
    return _make_evaluation(dialogue, settings, workplace)


def _make_evaluation(dialogue: Dialogue, settings: Settings, workplace: Workplace) -> Evaluation:
    outputs = parameters.check_outputs(dialogue.outputs or {}, settings.types.evaluate.outputs)
    return Evaluation(
        outputs=outputs,
        durations=dialogue.durations,
        workplace=workplace,
        peak_memory=dialogue.peak_memory,
        printed=dialogue.printed,
    )


def load(*, code: Path, state: Path, settings: Settings, workplace: Workplace) -> dict[str, float]:
    """Load the model from `state`, and do nothing else; return the seconds of each phase.

    Raises OperationFailed. KeyboardInterrupt stops the worker.
    """
    return _run("load", settings, {}, workplace=workplace, files=Files(code, state)).durations


def train(
    *,
    code: Path,
    state: Path,
    settings: Settings,
    data: Mapping[str, Value],
    out: Path,
    workplace: Workplace,
    observers: Observers | None = None,
) -> Training:
    """Train the model from `state`, and have it write its new state into `out`, an empty directory.

    The first Ctrl-C asks the model to stop, and waits up to `dialogue.CANCEL_GRACE` seconds; the second one
    kills it. Both raise Cancelled, in the main thread of a program that has no handler of its own for SIGINT.
    Raises InvalidInput before anything runs, and OperationFailed, after which `out` may have part of a state.
    """
    inputs = parameters.check_inputs(data, settings.types.train)
    with Interrupts() as interrupts:
        dialogue = _run(
            "train",
            settings,
            inputs,
            workplace=workplace,
            files=Files(code, state, out),
            interrupts=interrupts,
            observers=observers,
        )
    _check_links(out, workplace, phase="get_state")
    return Training(
        metrics=tuple(dialogue.metrics),
        durations=dialogue.durations,
        workplace=workplace,
        peak_memory=dialogue.peak_memory,
        printed=dialogue.printed,
    )


def _check_links(out: Path, workplace: Workplace, *, phase: str) -> None:
    """Refuse a new state with links to what the sandbox hid. Saving it would read what they lead to."""
    link = find_planted_link(out) if workplace.is_confined else None
    if link is not None:
        raise InvalidOutput(
            f"{phase}: {quoted(str(link.relative_to(out)))} in the new state is a link that leads out of it",
            "the model must write files, and not links to others",
            phase=phase,
        )


def _run(
    operation: str,
    settings: Settings,
    inputs: Mapping[str, Value],
    *,
    workplace: Workplace,
    files: Files,
    interrupts: Interrupts | None = None,
    observers: Observers | None = None,
) -> Dialogue:
    """Run one operation to its end."""
    clock = Clock(operation, settings.max_durations)
    with process.start_worker(workplace, files) as worker:
        return _follow(
            worker,
            clock,
            settings=settings,
            inputs=inputs,
            workplace=workplace,
            interrupts=interrupts,
            observers=observers,
        )


def _follow(
    worker: Process,
    clock: Clock,
    *,
    settings: Settings,
    inputs: Mapping[str, Value],
    workplace: Workplace,
    interrupts: Interrupts | None = None,
    observers: Observers | None = None,
) -> Dialogue:
    """Run the operation of a clock to its end, on a new worker."""
    dialogue = Dialogue(worker, confined=workplace.is_confined, interrupts=interrupts, observers=observers)
    request = describe_request(clock.operation, settings)
    dialogue.follow(clock, "request", inputs=inputs, **request, **worker.paths)
    dialogue.wait_for_end()
    return dialogue


def describe_request(operation: str, settings: Settings) -> dict[str, Any]:
    """Return the fields of a request that say what is asked for, and what the parameters are."""
    types = settings.types
    inputs = {"create_state": types.create_state, "train": types.train}
    outputs = types.evaluate.outputs
    return {
        "operation": operation,
        "definitions": {
            "inputs": {item.name: _describe(item) for item in inputs.get(operation, types.evaluate.inputs)},
            "outputs": {item.name: _describe(item) for item in outputs},
        },
    }


def _describe(parameter: Parameter) -> dict[str, Any]:
    return {
        "types": list(parameter.types),
        "shape": parameter.shape,
        "ragged": parameter.ragged,
    }
