"""The model contract, from the caller's side: finding the model, calling it, and converting its outputs.

There are two kinds of models: those with a class `Model` in code/model.py, and without this file those with
code/main.py, which are written for Decthings (see `decthings`). A driver calls a model of one kind.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from . import tensors
from .calls import Caller
from .failure import BrokenContract, UnusableOutputs
from .tensors import Value
from .tracker import Tracker

# Enough for a person, and small enough for the header of a frame.
MAX_PROBLEMS = 20
MAX_PROBLEM = 1_000

METHODS = {
    "create_state": ("create_state",),
    "evaluate": ("evaluate",),
    "load": ("evaluate",),  # a model is loaded to check that it can be evaluated
    "serve": ("evaluate",),
    "train": ("train", "save_state"),
}

Definitions = Mapping[str, Mapping[str, Any]]
"""The parameters in settings.yaml by name: `types`, `shape`, and whether it is `ragged`."""


class Driver(Protocol):
    """Calls a model. Each method raises what the model raises, and `BrokenContract`."""

    def create_state(self, out: Path, params: Mapping[str, Value]) -> None: ...

    def instantiate(self, state: Path) -> None:
        """Make the model that the methods below call."""

    def evaluate(self, inputs: Mapping[str, Value]) -> dict[str, Value]:
        """Return the outputs. Raises UnusableOutputs with a line for each problem."""

    def train(self, tracker: Tracker, data: Mapping[str, Value]) -> None: ...

    def save_state(self, out: Path) -> None: ...

    def close(self) -> None:
        """Call the optional function that is the last one."""


def load_driver(
    code: Path, operation: str, *, caller: Caller, inputs: Definitions, outputs: Definitions
) -> Driver:
    """Import the code of a model. The code directory goes first on sys.path.

    Raises BrokenContract, and whatever the import raises.
    """
    if not (code / "model.py").is_file() and (code / "main.py").is_file():
        from . import decthings

        return decthings.load_driver(code, operation, caller=caller, inputs=inputs, outputs=outputs)
    return ModelDriver(load_class(code, METHODS[operation]), caller, outputs=outputs)


def load_class(code: Path, methods: Sequence[str]) -> type[Any]:
    """Import code/model.py and return its class Model, which has all of `methods`."""
    if not (code / "model.py").is_file():
        raise BrokenContract("code/model.py does not exist")
    sys.path.insert(0, str(code))
    model_class = getattr(importlib.import_module("model"), "Model", None)
    if not isinstance(model_class, type):
        raise BrokenContract("code/model.py has no class Model")
    for name in methods:
        if not callable(getattr(model_class, name, None)):
            raise BrokenContract(f"code/model.py: class Model has no method {name}")
    return model_class


class ModelDriver:
    """Calls a class `Model`."""

    def __init__(self, model_class: type[Any], caller: Caller, *, outputs: Definitions) -> None:
        self._model_class = model_class
        self._caller = caller
        self._outputs = outputs
        self._model: Any = None

    def create_state(self, out: Path, params: Mapping[str, Value]) -> None:
        self._caller.call(self._model_class.create_state, out, **params)

    def instantiate(self, state: Path) -> None:
        self._model = self._model_class(state)

    def evaluate(self, inputs: Mapping[str, Value]) -> dict[str, Value]:
        return convert_outputs(self._caller.call(self._model.evaluate, **inputs), self._outputs)

    def train(self, tracker: Tracker, data: Mapping[str, Value]) -> None:
        self._caller.call(self._model.train, tracker, **data)

    def save_state(self, out: Path) -> None:
        self._caller.call(self._model.save_state, out)

    def close(self) -> None:
        close = getattr(self._model, "close", None)
        if close is not None:
            self._caller.call(close)


def convert_outputs(returned: object, definitions: Definitions) -> dict[str, Value]:
    """Convert the result of evaluate() to arrays. Raises UnusableOutputs with a line for each problem."""
    if not isinstance(returned, dict):
        description = "None" if returned is None else f"a value of type {type(returned).__name__}"
        raise UnusableOutputs([f"evaluate() returned {description}, not a dict of arrays"])
    values: dict[str, Value] = {}
    problems = []
    for name, value in returned.items():
        if not isinstance(name, str):
            problems.append(
                f"evaluate() returned a dict with the key {name!r}; its keys are the names of outputs"
            )
            continue
        is_ragged = definitions.get(name, {}).get("ragged", False)
        try:
            values[name] = tensors.normalise_ragged(value) if is_ragged else tensors.normalise(value)
        except ValueError as error:
            problems.append(f"{name}: {' '.join(str(error).split())}")
    check_problems(problems)
    return values


def check_problems(problems: Sequence[str]) -> None:
    """Raise UnusableOutputs if there are any problems with outputs."""
    if problems:
        raise UnusableOutputs([problem[:MAX_PROBLEM] for problem in problems[:MAX_PROBLEMS]])
