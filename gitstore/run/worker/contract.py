"""The model contract, from the caller's side: loading `Model`, calling it, and converting its outputs."""

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

# Enough for a person, and small enough for the header of a frame.
MAX_PROBLEMS = 20
MAX_PROBLEM = 1_000


def load_class(code: Path, methods: Sequence[str]) -> type[Any]:
    """Import code/model.py and return its class Model, which has all of `methods`.

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

    All async methods run on one event loop, so that an object that a model binds to the loop in one of them
    still works in the next. The first async method imports asyncio and starts the loop.
    """

    def __init__(self) -> None:
        super().__init__()
        self._loop: asyncio.AbstractEventLoop | None = None

    def call(self, method: Callable[..., object], *args: object, **kwargs: object) -> object:
        """Return the method's result, awaited if it is awaitable. Raises whatever the method raises."""
        result = method(*args, **kwargs)
        return self._run(result) if inspect.isawaitable(result) else result

    def _run(self, awaitable: Awaitable[object]) -> object:
        # asyncio.Runner does the same, since Python 3.11.
        if self._loop is None:
            import asyncio

            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
            self.callback(_close_loop, self._loop)
        return self._loop.run_until_complete(_wait_for(awaitable))


def convert_outputs(returned: object) -> dict[str, Array]:
    """Convert the result of evaluate() to arrays. Raises UnusableOutputs with a line for each problem."""
    if not isinstance(returned, dict):
        description = "None" if returned is None else f"a value of type {type(returned).__name__}"
        raise UnusableOutputs([f"evaluate() returned {description}, not a dict of arrays"])
    arrays: dict[str, Array] = {}
    problems = []
    for name, value in returned.items():
        if not isinstance(name, str):
            problems.append(
                f"evaluate() returned a dict with the key {name!r}; its keys are the names of outputs"
            )
            continue
        try:
            arrays[name] = tensors.normalise(value)
        except ValueError as error:
            problems.append(f"{name}: {' '.join(str(error).split())}")
    if problems:
        raise UnusableOutputs([problem[:MAX_PROBLEM] for problem in problems[:MAX_PROBLEMS]])
    return arrays


def _close_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel the tasks that the model left running, and close its generators, threads and loop."""
    import asyncio

    try:
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        if tasks:
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        asyncio.set_event_loop(None)
        loop.close()


async def _wait_for(awaitable: Awaitable[object]) -> object:
    return await awaitable
