"""The model contract, from the side that calls: how `Model` is found, called and its outputs taken."""

from __future__ import annotations

import contextlib
import importlib
import inspect
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import tensors
from .failure import BrokenContract, UnusableOutputs
from .tensors import Array

if TYPE_CHECKING:
    import asyncio

# Enough to see what is wrong, and little enough for a frame's header.
MAX_PROBLEMS = 20
MAX_PROBLEM = 1_000


def load(code: Path, methods: Sequence[str]) -> type[Any]:
    """Import code/model.py and give its class Model, which has all of `methods`.

    The code directory goes first on sys.path. Raises BrokenContract, and whatever the import raises.
    """
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


class Caller(contextlib.ExitStack):
    """Calls the model's methods, async or not.

    All async ones run on one event loop, so that what a model binds to its loop in one of them
    still works in the next. The loop, like its import, comes with the first async method.
    """

    def __init__(self) -> None:
        super().__init__()
        self._runner: asyncio.Runner | None = None

    def call(self, method: Callable[..., object], *args: object, **kwargs: object) -> object:
        """The method's result, awaited if it is awaitable. Raises whatever the method raises."""
        result = method(*args, **kwargs)
        return self._run(result) if inspect.isawaitable(result) else result

    def _run(self, awaitable: Awaitable[object]) -> object:
        if self._runner is None:
            import asyncio

            self._runner = self.enter_context(asyncio.Runner())
        return self._runner.run(_awaited(awaitable))


def outputs(returned: object) -> dict[str, Array]:
    """What evaluate() returned, as arrays. Raises UnusableOutputs with a line for all that is none."""
    if not isinstance(returned, dict):
        described = "None" if returned is None else f"a value of type {type(returned).__name__}"
        raise UnusableOutputs([f"evaluate() returned {described}, not a dict of arrays"])
    arrays: dict[str, Array] = {}
    problems = []
    for name, value in returned.items():
        if not isinstance(name, str):
            problems.append(
                f"evaluate() returned a dict with the key {name!r}; its keys are the names of outputs"
            )
            continue
        try:
            arrays[name] = tensors.normalised(value)
        except ValueError as error:
            problems.append(f"{name}: {' '.join(str(error).split())}")
    if problems:
        raise UnusableOutputs([problem[:MAX_PROBLEM] for problem in problems[:MAX_PROBLEMS]])
    return arrays


async def _awaited(awaitable: Awaitable[object]) -> object:
    return await awaitable
