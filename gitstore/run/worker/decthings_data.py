"""What functions of a Decthings model get: data sets, states and a tracker.

The names and what they do are those of the executor in the package decthings-model 0.0.7. That package wraps
these objects for models that use its `make_model`.
"""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Union
from urllib.parse import quote, unquote

import numpy as np

from . import decthings_tensors
from .calls import Caller
from .tensors import Array
from .tracker import Tracker

MAX_SERIES = 64
"""The most elements of a tensor that is reported as a metric."""

Number = Union[int, float]


class DataLoader:
    """A data set: its elements are read from a position on, each as the bytes of a tensor.

    `elements` are those of a list, or those of an array along its first dimension.
    """

    def __init__(self, elements: Any, type_name: str) -> None:
        self._elements = elements
        self._type_name = type_name
        self._order: Array | None = None
        self._position = 0

    def size(self) -> int:
        return len(self._elements)

    def total_byte_size(self) -> int:
        sizes = (decthings_tensors.measure(self._read(i), self._type_name) for i in range(self.size()))
        return sum(sizes)

    def shuffle(self) -> None:
        """Put the elements in a random order. `numpy.random.seed` makes it the same each time."""
        self.shuffle_in_group([])

    def shuffle_in_group(self, others: list[DataLoader]) -> None:
        """Put the elements of several data sets of one size in the same random order."""
        if not isinstance(others, list) or not all(isinstance(other, DataLoader) for other in others):
            raise TypeError("shuffle_in_group: expected a list of DataLoaders")
        if any(other.size() != self.size() for other in others):
            raise ValueError("shuffle_in_group: the data sets have different sizes")
        permutation = np.random.permutation(self.size())
        for loader in [self, *others]:
            loader._order = permutation if loader._order is None else loader._order[permutation]

    def position(self) -> int:
        return self._position

    def set_position(self, position: Number) -> None:
        position = max(_round_down(position, "position"), 0)
        if position >= self.size():
            raise ValueError(f"set_position: {position} is not below the size {self.size()}")
        self._position = position

    def remaining(self) -> int:
        return self.size() - self._position

    def has_next(self, amount: Number = 1) -> bool:
        return self.remaining() >= _round_down(amount, "amount")

    async def next(self, amount: Number = 1) -> list[bytes]:
        """Return up to `amount` elements; none at the end."""
        first = self._position
        self._position += min(max(_round_down(amount, "amount"), 0), self.remaining())
        return [
            decthings_tensors.encode(self._read(i), self._type_name) for i in range(first, self._position)
        ]

    def _read(self, index: int) -> Array:
        place = index if self._order is None else int(self._order[index])
        element = self._elements[place]
        if isinstance(element, np.ndarray):
            return element
        scalar = np.empty((), np.asarray(self._elements).dtype)  # an array gives its items as scalars
        scalar[()] = element
        return scalar


def _round_down(number: object, name: str) -> int:
    if not isinstance(number, (int, float)):
        raise TypeError(f"{name} must be an int or a float, not {type(number).__name__}")
    return math.floor(number)


class StateLoader:
    """One key of a state, which is a file."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def byte_size(self) -> int:
        return self._path.stat().st_size

    async def read(self) -> bytes:
        return self._path.read_bytes()


def open_state(directory: Path) -> dict[str, StateLoader]:
    """Return the keys of a state."""
    files = sorted(path for path in directory.rglob("*") if path.is_file())
    return {unquote(path.relative_to(directory).as_posix()): StateLoader(path) for path in files}


class StateProvider:
    """Takes the keys of a new state. Each becomes a file; its name encodes what names cannot hold: %2F."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._keys: set[str] = set()

    def provide(self, key: str, data: bytes) -> None:
        self.provide_all([{"key": key, "data": data}])

    def provide_all(self, data: list[dict[str, Any]]) -> None:
        for entry in data:
            key, content = entry["key"], entry["data"]
            if not isinstance(key, str) or not isinstance(content, bytes) or not key:
                raise TypeError("provide: a state has keys, which are texts, with data, which are bytes")
            if key in self._keys:
                raise ValueError(f"provide: the state's key {key!r} was provided before")
            self._keys.add(key)
            (self._directory / _choose_name(key)).write_bytes(content)


def _choose_name(key: str) -> str:
    name = quote(key, safe=" !#$&'()+,;=@[]{}~")
    return name if name.strip(".") else name.replace(".", "%2E")


class CancellableTracker:
    """The tracker of a training. It can be used from any thread."""

    def __init__(self, tracker: Tracker, caller: Caller) -> None:
        self._tracker = tracker
        self._caller = caller
        self._has_ended = False
        self._reason: str | None = None

    @property
    def cancelled(self) -> bool:
        return self._tracker.cancelled

    def on_cancel(self, callback: Callable[[], object]) -> None:
        """Call a function when the training is cancelled, on the event loop if it runs."""
        self._tracker.on_cancel(lambda: self._notify(callback))

    def progress(self, progress: Number) -> None:
        self._check_running()
        self._tracker.progress(progress)

    def metrics(self, metrics: list[Any]) -> None:
        """Report values by name. An element of a larger tensor is a metric of its own, `name[0]`."""
        self._check_running()
        for metric in metrics:
            name, value = (metric["name"], metric["value"]) if isinstance(metric, dict) else metric
            numbers = decthings_tensors.to_array(value).reshape(-1)
            if numbers.dtype.kind == "O" or len(numbers) > MAX_SERIES:
                raise ValueError(f"metrics: {name} must be a number, or at most {MAX_SERIES} numbers")
            for index, number in enumerate(numbers.tolist()):
                self._tracker.metric(name if len(numbers) == 1 else f"{name}[{index}]", number)

    def failed(self, reason: str) -> None:
        """Say that the training has failed; it is an error when train() returns."""
        self._reason = str(reason)

    def end(self) -> None:
        """Refuse what comes after train(). Raises RuntimeError if the model said that it failed."""
        self._has_ended = True
        if self._reason is not None:
            raise RuntimeError(f"the model reported: {self._reason}")

    def _check_running(self) -> None:
        if self._has_ended:
            raise RuntimeError("the training has ended: nothing more can be reported")

    def _notify(self, callback: Callable[[], object]) -> None:
        loop = self._caller.loop
        if loop is not None and loop.is_running():
            loop.call_soon_threadsafe(callback)
            return
        try:
            callback()
        except Exception:
            traceback.print_exc()
