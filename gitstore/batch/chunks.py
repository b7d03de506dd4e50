"""Cutting examples into chunks, each of which is the input of one evaluation.

A parameter whose shape begins with -1 takes many examples at once, along that dimension. If a column has one
dimension more than that, an example is a whole value: then each evaluation gets one example, of every column.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gitstore.batch.columns import ExampleColumn
from gitstore.batch.examples import Examples
from gitstore.errors import InvalidInput
from gitstore.run.values import parameters
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array, Value
from gitstore.settings.schema import Parameter
from gitstore.text import counted, shown

MAX_EXAMPLES = 1024
MAX_BYTES = 8 << 20
"""The most examples of a chunk, and about the most bytes, unless the user chooses. They do not depend on the
machine: some models give slightly different numbers for another number of examples."""


@dataclass(frozen=True)
class Chunk:
    """The examples from `start` to `stop`, as inputs. `name` is for messages."""

    start: int
    stop: int
    inputs: Mapping[str, Value]
    name: str


@dataclass
class Chunks:
    """How examples are cut: `size` at once. If they are `whole`, each is a value of its own, and `size` is 1.

    `fixed` are the inputs that are the same in each chunk.
    """

    examples: Examples
    definitions: Mapping[str, Parameter]
    fixed: Mapping[str, Value]
    whole: frozenset[str]
    size: int
    _forms: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """The number of chunks."""
        return -(-self.examples.count // self.size)

    def read(self) -> Iterator[Chunk]:
        """Read one chunk after the other. Raises InvalidInput."""
        for start in range(0, self.examples.count, self.size):
            stop = min(start + self.size, self.examples.count)
            name = self.name_examples(start, stop)
            inputs = dict(self.fixed)
            for parameter in self.examples.columns:
                with _explaining(f"{name}: {parameter}"):
                    inputs[parameter] = self._read_column(parameter, start, stop=stop)
            yield Chunk(start, stop, inputs, name)

    def name_examples(self, start: int, stop: int) -> str:
        """Return how messages call the examples from `start` to `stop`; the first of all is number 0."""
        labels = self.examples.labels
        names = "" if labels is None else f" ({shown(labels[start])} to {shown(labels[stop - 1])})"
        if stop - start > 1:
            return f"examples {start} to {stop - 1}{names}"
        return f"example {start}" + ("" if labels is None else f" ({shown(labels[start])})")

    def _read_column(self, name: str, start: int, *, stop: int) -> Value:
        definition, values = self.definitions[name], self.examples.columns[name].read(start, stop)
        if name in self.whole:
            return parameters.convert(values[0], definition)
        if definition.ragged:
            return parameters.convert(list(values), definition)
        return self._stack(name, values, start=start) if isinstance(values, list) else values

    def _stack(self, name: str, elements: Sequence[Array], *, start: int) -> Array:
        """Return the array of examples, which must have the shape and the type of the first one of all."""
        shape, dtype = self._forms.setdefault(name, (elements[0].shape, elements[0].dtype))
        for number, element in enumerate(elements, start=start):
            if element.shape != shape or element.dtype != dtype:
                form = f"shape {element.shape} and type {_name_type(element.dtype)}"
                first = f"{shape} and {_name_type(dtype)}"
                raise ValueError(
                    f"{self.name_examples(number, number + 1)} has {form}, the first one has {first}"
                )
        return np.stack(elements)


def cut_examples(
    examples: Examples,
    definitions: Sequence[Parameter],
    *,
    fixed: Mapping[str, Value],
    size: int | None,
) -> Chunks:
    """Choose how examples are cut into chunks, of `size` if the user has chosen that.

    Raises InvalidInput with a line for each column that cannot be cut.
    """
    by_name = {item.name: item for item in definitions}
    whole, lines = set(), []
    for name, column in examples.columns.items():
        try:
            whole.update([name] if _is_whole(column, by_name[name]) else [])
        except ValueError as error:
            lines.append(f"{name}: {error}")
    if whole and size is not None and size > 1:
        lines.append(
            f"{', '.join(sorted(whole))}: takes one example at a time, so --chunk cannot be {size};"
            " for more, its shape in settings.yaml would begin with -1"
        )
    if lines:
        raise InvalidInput(lines)
    chosen = 1 if whole else size or _choose_size(examples)
    return Chunks(examples, by_name, fixed, frozenset(whole), chosen)


def _is_whole(column: ExampleColumn, definition: Parameter) -> bool:
    """Whether an example is a whole value of a parameter, and not one of many in it."""
    shape, dimensions = definition.shape, column.dimensions
    if shape[:1] == (-1,) and dimensions == len(shape) - 1:
        return False
    if dimensions == len(shape):
        return True
    rows = "" if shape[:1] != (-1,) else f" or rows of it ({counted(len(shape), 'dimension')})"
    raise ValueError(
        f"has {counted(dimensions + 1, 'dimension')}, the first of them for the examples, but settings.yaml"
        f" asks for {list(shape)}: many of these ({counted(len(shape) + 1, 'dimension')}){rows}"
    )


def _choose_size(examples: Examples) -> int:
    size = 0
    for name, column in examples.columns.items():
        with _explaining(f"example 0: {name}"):
            size += column.size
    return min(max(MAX_BYTES // max(size, 1), 1), MAX_EXAMPLES)


@contextmanager
def _explaining(subject: str) -> Iterator[None]:
    """Raise InvalidInput for an error of reading examples."""
    try:
        yield
    except OSError as error:
        raise InvalidInput([f"{subject}: {error.strerror or error}"]) from error
    except Exception as error:  # those of pyarrow are of many classes
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        raise InvalidInput([f"{subject}: {reason}"]) from error


def _name_type(dtype: np.dtype[Any]) -> str:
    return tensors.find_element_type(np.empty(0, dtype)) or str(dtype)
