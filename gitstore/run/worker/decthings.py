"""Models that are written for Decthings: code/main.py has a variable `model`, a dict, an object or what the
package decthings-model makes of them.

    createModelState(o)    o.params, o.state_provider, o.other_models
    instantiateModel(o)    o.state, o.other_models; the result, a dict or an object, has
        evaluate(o)        o.params; a list of {"name", "data"}
        train(o)           o.params, o.tracker
        getModelState(o)   o.state_provider
        dispose()          optional

The functions may be async. This module is in the place of the executor of that package (version 0.0.7), from
which the names and the meaning of all this are. Tensors cross as bytes, see `decthings_tensors`.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from . import contract, decthings_tensors, tensors
from .calls import Caller
from .decthings_data import CancellableTracker, DataLoader, StateProvider, open_state
from .failure import BrokenContract, UnusableOutputs
from .tensors import Array, Value
from .tracker import Tracker

PACKAGES = ("decthings_model", "decthings_api")


def load_driver(
    code: Path,
    operation: str,
    *,
    caller: Caller,
    inputs: contract.Definitions,
    outputs: contract.Definitions,
) -> DecthingsDriver:
    """Import code/main.py, with the code directory as the current one.

    Raises BrokenContract, and whatever the import raises.
    """
    os.chdir(code)
    sys.path.insert(0, str(code))
    sys.path.append(str(code / "_modules"))
    try:
        program = getattr(importlib.import_module("main"), "model", None)
    except ModuleNotFoundError as error:
        if error.name not in PACKAGES:
            raise
        raise BrokenContract(
            f"code/main.py imports {error.name}, which its environment does not have:"
            " add decthings-model to packages.requirements in settings.yaml"
        ) from error
    if program is None:
        raise BrokenContract("code/main.py has no variable model, and there is no code/model.py")
    name = "createModelState" if operation == "create_state" else "instantiateModel"
    _find_function(program, name, owner="model in code/main.py")
    decthings_tensors.repair_package()
    return DecthingsDriver(program, caller, inputs=inputs, outputs=outputs)


class DecthingsDriver:
    """Calls the functions of a model, and of what `instantiateModel` returned."""

    def __init__(
        self, program: object, caller: Caller, *, inputs: contract.Definitions, outputs: contract.Definitions
    ) -> None:
        self._program = program
        self._caller = caller
        self._inputs = inputs
        self._outputs = outputs
        self._model: object = None

    def create_state(self, out: Path, params: Mapping[str, Value]) -> None:
        self._call(
            self._program,
            "createModelState",
            params=self._make_loaders(params),
            state_provider=StateProvider(out),
            other_models={},
        )

    def instantiate(self, state: Path) -> None:
        self._model = self._call(self._program, "instantiateModel", state=open_state(state), other_models={})

    def evaluate(self, inputs: Mapping[str, Value]) -> dict[str, Value]:
        returned = self._call(self._model, "evaluate", params=self._make_loaders(inputs))
        return convert_outputs(returned, self._outputs)

    def train(self, tracker: Tracker, data: Mapping[str, Value]) -> None:
        cancellable = CancellableTracker(tracker, self._caller)
        self._call(self._model, "train", params=self._make_loaders(data), tracker=cancellable)
        cancellable.end()

    def save_state(self, out: Path) -> None:
        self._call(self._model, "getModelState", state_provider=StateProvider(out))

    def close(self) -> None:
        dispose = _get(self._model, "dispose")
        if dispose is not None:
            self._caller.call(dispose)

    def _call(self, owner: object, name: str, **options: object) -> object:
        description = "model in code/main.py" if owner is self._program else "the instantiated model"
        function = _find_function(owner, name, owner=description)
        return self._caller.call(function, SimpleNamespace(**options))

    def _make_loaders(self, values: Mapping[str, Value]) -> dict[str, DataLoader]:
        return {name: _make_loader(name, value, self._inputs[name]) for name, value in values.items()}


def _get(owner: object, name: str) -> Any:
    return owner.get(name) if isinstance(owner, dict) else getattr(owner, name, None)


def _find_function(program: object, name: str, *, owner: str) -> Any:
    function = _get(program, name)
    if not callable(function):
        raise BrokenContract(f"{owner} has no function {name}")
    return function


def _is_data_set(definition: Mapping[str, Any]) -> bool:
    """Whether the first dimension counts the elements of a data set. Any other value is its only element."""
    return bool(definition["shape"][:1] == [-1])


def _make_loader(name: str, value: Value, definition: Mapping[str, Any]) -> DataLoader:
    """Provide a value as a data set."""
    type_name = tensors.find_value_type(value)
    if type_name == "binary":
        type_name = next(allowed for allowed in definition["types"] if allowed in tensors.BINARY)
    if type_name not in decthings_tensors.CODES:
        raise BrokenContract(f"{name}: Decthings has no type {type_name}")
    is_data_set = isinstance(value, list) or _is_data_set(definition)
    return DataLoader(value if is_data_set else [value], type_name)


def convert_outputs(returned: object, definitions: contract.Definitions) -> dict[str, Value]:
    """Convert the result of evaluate(). Raises UnusableOutputs with a line for each problem."""
    if not isinstance(returned, list):
        raise UnusableOutputs([f"evaluate() returned a value of type {type(returned).__name__}, not a list"])
    values: dict[str, Value] = {}
    problems = []
    for entry in returned:
        name = entry.get("name") if isinstance(entry, dict) else None
        data = entry.get("data") if isinstance(entry, dict) else None
        if not isinstance(name, str) or not isinstance(data, list):
            problems.append("evaluate() returned an output that is no dict of a name and a list of data")
        elif name in values:
            problems.append(f"{name}: evaluate() returned it twice")
        else:
            try:
                arrays = list(map(decthings_tensors.to_array, data))
                values[name] = _join(arrays, definitions.get(name))
            except ValueError as error:
                problems.append(f"{name}: {error}")
    contract.check_problems(problems)
    return values


def _join(arrays: list[Array], definition: Mapping[str, Any] | None) -> Value:
    """Return the elements of an output as one value. Raises ValueError."""
    if definition is not None and definition["ragged"]:
        return tensors.normalise_ragged(arrays)
    if definition is not None and not _is_data_set(definition):
        if len(arrays) != 1:
            raise ValueError(f"has {len(arrays)} elements, but its shape in settings.yaml is of one")
        return tensors.normalise(arrays[0])
    if not arrays:
        shape = definition["shape"] if definition is not None else [0]
        return np.empty([max(length, 0) for length in shape], dtype=object)
    if len({array.shape for array in arrays}) > 1:
        raise ValueError("its elements have different shapes; settings.yaml must say ragged: true")
    if len({array.dtype for array in arrays}) > 1:
        raise ValueError("its elements have different types")
    return tensors.normalise(np.stack(arrays))
