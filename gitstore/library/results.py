"""What evaluating and training give back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gitstore.library.state import State
from gitstore.run.dialogue import Metric
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Value


@dataclass(frozen=True, eq=False, repr=False)
class Outputs(Mapping[str, Any]):
    """The outputs of an evaluation by name, as numpy arrays.

    Text is an array of `str` objects; images, sounds and other binary data are arrays of `bytes` objects. A
    ragged output is a list of arrays.
    `durations` are the seconds of each phase, and their `total`. `environment` is the key of the environment
    that the code ran in, `unlocked` whether uv chose its packages. `sandbox` says how the code was confined.
    """

    arrays: Mapping[str, Value]
    durations: Mapping[str, float]
    environment: str | None
    unlocked: bool
    sandbox: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def __repr__(self) -> str:
        shown = (
            f"{name}={tensors.find_dtype(value)}{list(tensors.find_shape(value))}"
            for name, value in self.arrays.items()
        )
        return f"Outputs({', '.join(shown)})"


@dataclass(frozen=True, repr=False)
class TrainingResult:
    """The state that a training made, the metrics in the order they were reported, and durations.

    `durations` are the seconds of each phase, and their `total`. `environment`, `unlocked` and `sandbox` are
    as in `Outputs`.
    """

    state: State
    metrics: tuple[Metric, ...]
    durations: Mapping[str, float]
    environment: str | None
    unlocked: bool
    sandbox: Mapping[str, Any]

    def __repr__(self) -> str:
        last = {metric.name: metric.value for metric in self.metrics}
        values = "".join(f", {name}={value:.4g}" for name, value in last.items())
        return f"TrainingResult({self.state.name!r}{values})"
