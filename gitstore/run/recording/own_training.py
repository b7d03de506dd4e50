"""A state from a training loop of one's own, with its record: what the library's `new_state` does."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from gitstore.errors import GitstoreError, InvalidInput
from gitstore.models.model import Model
from gitstore.records.record import Environment
from gitstore.run import new_state
from gitstore.run.dialogue import Metric
from gitstore.run.recording.circumstances import describe_run
from gitstore.run.recording.trainings import Origin, Reports, TrainingInputs, describe_origin, record_training
from gitstore.run.recording.values import describing
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array
from gitstore.run.worker.tracker import MAX_NAME
from gitstore.run.workplace import Workplace
from gitstore.states.save import Saved, notify_saved
from gitstore.states.use import use_state


@dataclass
class OwnTraining:
    """A training that runs: the loop writes files into `path`. `saved` is set when they are a state."""

    path: Path
    metrics: list[Metric] = field(default_factory=list)
    saved: Saved | None = None
    _start: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the training began."""
        return time.monotonic() - self._start

    def add_metric(self, name: str, value: float) -> None:
        """Record one value of a series. Raises `ValueError` for another name than a record can have."""
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise ValueError(f"a metric's name is printable text of 1 to {MAX_NAME} characters")
        self.metrics.append(Metric(self.seconds, name, float(value)))


@contextmanager
def record_own_training(
    model: Model,
    name: str | None,
    *,
    parameters: Mapping[str, object],
    data: Mapping[str, object],
    use: bool = False,
) -> Iterator[OwnTraining]:
    """Save the files that the block writes as a new state, with its record. Nothing is kept if it raises.

    `data` are arrays, or paths of files; they are read while the block runs. Raises `StateExists`,
    `InvalidInput` for parameters that JSON does not have and for data that cannot be read, and `Unsaved`.
    """
    shown = _check_parameters(parameters)
    arrays = _check_data(data)
    if model.repository.is_bare:
        raise GitstoreError("a bare repository has no states on disk", "make the state in a clone")
    if name is not None:
        new_state.check_new(model, name)
    origin = describe_origin(model)
    with new_state.hidden_state(model) as out, describing(arrays) as description:
        training = OwnTraining(out)
        yield training
        durations = {"total": training.seconds}
        new_state.check_intact(model)
        training.saved = new_state.keep_state(model, name, out)
        training.path = model.claim_states() / training.saved.name
    _record(model, training, durations, origin=origin, inputs=TrainingInputs(shown, description.result()))
    if use:
        use_state(model, training.saved.name)
    notify_saved(model, "trained", training.saved)


def _record(
    model: Model,
    training: OwnTraining,
    durations: Mapping[str, float],
    *,
    origin: Origin,
    inputs: TrainingInputs,
) -> None:
    workplace = Workplace(Path(sys.executable), environment=_describe_environment())
    circumstances = describe_run(
        model.repository, durations, workplace=workplace, peak_memory=_read_peak_memory()
    )
    if training.saved is not None:
        record_training(
            model,
            training.saved,
            origin=origin,
            circumstances=circumstances,
            training=inputs,
            reports=Reports(training.metrics),
        )


def _check_parameters(parameters: Mapping[str, object]) -> dict[str, Any]:
    """Return parameters as JSON has them."""
    checked, problems = {}, []
    for name, value in parameters.items():
        try:
            checked[str(name)] = msgspec.json.decode(msgspec.json.encode(value, enc_hook=_convert_number))
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise InvalidInput(problems, "parameters are what JSON can hold; put arrays into data")
    return checked


def _convert_number(value: object) -> object:
    """Convert a number of numpy or the like. Raises TypeError for other objects."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        return value.item()
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"a value of the type {type(value).__name__} is not JSON")


def _check_data(data: Mapping[str, object]) -> dict[str, Array | Path]:
    checked: dict[str, Array | Path] = {}
    problems = []
    for name, value in data.items():
        try:
            if isinstance(value, str | os.PathLike):
                checked[name] = Path(value)
                if not Path(value).is_file():
                    problems.append(f"{name}: {value} is not a file")
            else:
                checked[name] = tensors.normalise(value)
        except ValueError as error:
            problems.append(f"{name}: {error}")
    if problems:
        raise InvalidInput(problems, "data are arrays, or paths of files")
    return checked


def _describe_environment() -> Environment:
    """Describe this Python, and the packages that it has imported."""
    imported = {module.partition(".")[0] for module in sys.modules}
    names = {
        name
        for module, distributions in importlib.metadata.packages_distributions().items()
        if module in imported
        for name in distributions
    }
    packages = sorted(f"{name}=={importlib.metadata.version(name)}" for name in names)
    return Environment(python=platform.python_version(), packages=packages)


def _read_peak_memory() -> int:
    """Return the most bytes of memory that this process had, getrusage(2)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
