"""The outputs of a batch, written as chunks come, in the order of the examples.

    numbers                NAME.npy, with a row for each example
    text                   NAME.jsonl, with a line for each example
    bytes, ragged numbers  NAME/, with a file for each example, called like its input file or by its number;
                           if an example has several items, `values.outputs` says how they are called

What an output is shows at the first chunk, and all others must have the same form.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np

from gitstore.errors import InvalidInput, InvalidOutput
from gitstore.run.values import outputs as values_as_files
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array, Value
from gitstore.settings.schema import Parameter
from gitstore.text import counted

Elements = Array | Sequence[Value]
"""What an output is for each example: the rows of an array, or a list of values."""

_LONGEST_LABEL = 100


@dataclass(frozen=True)
class BatchForm:
    """What is known of the outputs before anything runs: how many examples there are, and their names.

    If examples are `whole`, each output of an evaluation belongs to one example; else it has a row for each.
    """

    definitions: Sequence[Parameter]
    count: int
    labels: Sequence[str] | None
    is_whole: bool

    def check(self) -> None:
        """Raise InvalidInput with a line for each output that has no rows for examples."""
        lines = [
            f"{item.name}: the shape {list(item.shape)} of this output has no dimension for the examples"
            " (-1 at its beginning), so it cannot be evaluated in chunks"
            for item in self.definitions
            if not self.is_whole and item.shape[:1] != (-1,)
        ]
        if lines:
            raise InvalidInput(lines)

    def name_files(self) -> Callable[[int], str]:
        """Return the function that names the files of an example: like its own, if that is unique."""
        labels = self.labels
        if labels is None or len(set(labels)) < len(labels) or max(map(len, labels)) > _LONGEST_LABEL:
            digits = len(str(self.count - 1))
            return lambda number: f"{number:0{digits}}"
        return lambda number: labels[number]


class _Writer(Protocol):
    """Writes one output. `path` is its file or directory, `shape` and `dtype` are of all examples."""

    path: Path
    dtype: np.dtype[Any]
    shape: tuple[int, ...]

    def write(self, elements: Elements, start: int) -> None:
        """Write the output of examples. Raises ValueError if they do not fit those before them."""


class _Rows:
    """An .npy file. Its header says how many rows there will be."""

    def __init__(self, path: Path, rows: Array, *, count: int, file: BinaryIO) -> None:
        self.path, self.dtype, self.shape = path, rows.dtype, (count, *rows.shape[1:])
        self._file = file
        np.lib.format.write_array_header_1_0(
            file,
            {
                "descr": np.lib.format.dtype_to_descr(self.dtype),
                "fortran_order": False,
                "shape": self.shape,
            },
        )

    def write(self, elements: Elements, start: int) -> None:  # noqa: ARG002
        if (
            not isinstance(elements, np.ndarray)
            or elements.dtype != self.dtype
            or elements.shape[1:] != self.shape[1:]
        ):
            (element, *_) = _list_elements(elements)
            array = element[0] if isinstance(element, list) else element
            raise ValueError(
                f"an example has {array.dtype} of shape {array.shape}, the first one {self.dtype} of shape"
                f" {self.shape[1:]}; ragged: true in settings.yaml would allow different shapes"
            )
        self._file.write(np.ascontiguousarray(elements).reshape(-1).view(np.uint8).data)


class _Lines:
    """A file with a line of JSON for each example."""

    dtype = np.dtype(object)

    def __init__(self, path: Path, count: int, *, file: BinaryIO) -> None:
        self.path = path
        self.shape: tuple[int, ...] = (count,)
        self._file = file

    def write(self, elements: Elements, start: int) -> None:  # noqa: ARG002
        for element in _list_elements(elements):
            if any(tensors.find_element_type(array) != tensors.STRING for array in _list_arrays(element)):
                raise ValueError("an example is no text, other than the first one")
            line = values_as_files.to_json({"": element})[""]
            self._file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")


class _Files:
    """A directory with files for each example."""

    def __init__(self, path: Path, count: int, *, dtype: np.dtype[Any], name: Callable[[int], str]) -> None:
        self.path, self.dtype = path, dtype
        self.shape: tuple[int, ...] = (count,)
        self._name = name
        path.mkdir()

    def write(self, elements: Elements, start: int) -> None:
        for number, element in enumerate(_list_elements(elements), start=start):
            if any((array.dtype.kind == "O") != (self.dtype.kind == "O") for array in _list_arrays(element)):
                raise ValueError("some examples have bytes, and others numbers")
            values_as_files.write({self._name(number): element}, self.path)


class BatchOutputs:
    """The outputs of a batch in a directory. `open_outputs` makes one."""

    def __init__(self, directory: Path, form: BatchForm, *, stack: ExitStack) -> None:
        self._directory = directory
        self._form = form
        self._stack = stack
        self._writers: dict[str, _Writer] | None = None

    def write(self, outputs: Mapping[str, Value], start: int, *, stop: int, name: str) -> None:
        """Write the outputs of the examples from `start` to `stop`, which come in order.

        `name` is that of the examples in messages. Raises InvalidOutput if they do not fit those before.
        """
        elements = {
            key: self._divide(key, value, count=stop - start, name=name) for key, value in outputs.items()
        }
        if self._writers is None:
            self._writers = {item.name: self._open_writer(item, elements[item.name])
                             for item in self._form.definitions if item.name in elements}  # fmt: skip
        if elements.keys() != self._writers.keys():
            (other, *_) = elements.keys() ^ self._writers.keys()
            has, had = ("has", "did not") if other in elements else ("does not have", "did")
            raise InvalidOutput(
                f"{name}: it {has} the output {other}, the first ones {had}", phase="evaluate"
            )
        for key, value in elements.items():
            try:
                self._writers[key].write(value, start)
            except ValueError as error:
                raise InvalidOutput(f"{name}: {key}: {error}", phase="evaluate") from error

    def list_names(self) -> list[str]:
        """Return the names of the files and directories that were written, one for each output."""
        return [writer.path.name for writer in (self._writers or {}).values()]

    def describe(self) -> dict[str, dict[str, Any]]:
        """Return type and shape of each output, for hooks."""
        return {
            name: {"dtype": writer.dtype.name, "shape": list(writer.shape)}
            for name, writer in (self._writers or {}).items()
        }

    def _divide(self, key: str, value: Value, *, count: int, name: str) -> Elements:
        """Return the value with one element for each of `count` examples."""
        if self._form.is_whole:
            return [value] if isinstance(value, list) else value[np.newaxis]
        if len(value) != count:
            rows, examples = counted(len(value), "row"), counted(count, "example")
            message = f"{name}: {key}: the output has {rows} for {examples}"
            raise InvalidOutput(message, phase="evaluate")
        return value

    def _open_writer(self, definition: Parameter, elements: Elements) -> _Writer:
        count, path = self._form.count, self._directory / definition.name
        dtype = _find_dtype(definition, elements)
        if dtype.kind == "O":
            if _holds_bytes(definition, elements):
                return _Files(path, count, dtype=dtype, name=self._form.name_files())
            path = path.with_name(f"{definition.name}.jsonl")
            return _Lines(path, count, file=self._stack.enter_context(path.open("wb")))
        if definition.ragged or (self._form.is_whole and -1 in definition.shape):
            return _Files(path, count, dtype=dtype, name=self._form.name_files())
        path = path.with_name(f"{definition.name}.npy")
        if not isinstance(elements, np.ndarray):
            raise TypeError("an output that is not ragged is a list")
        return _Rows(path, elements, count=count, file=self._stack.enter_context(path.open("wb")))


@contextmanager
def open_outputs(directory: Path, form: BatchForm) -> Iterator[BatchOutputs]:
    """Write outputs into an empty directory. They are complete when the block ends."""
    with ExitStack() as stack:
        yield BatchOutputs(directory, form, stack=stack)


def _list_elements(elements: Elements) -> Iterator[Value]:
    """Yield the value of each example."""
    if isinstance(elements, np.ndarray):
        yield from (elements[number, ...] for number in range(len(elements)))
    else:
        yield from elements


def _list_arrays(element: Value) -> list[Array]:
    return element if isinstance(element, list) else [element]


def _find_dtype(definition: Parameter, elements: Elements) -> np.dtype[Any]:
    """Return numpy's type of an output; if the first examples have no elements, what settings.yaml says."""
    arrays = (array for element in _list_elements(elements) for array in _list_arrays(element))
    expected = tensors.NUMERIC.get(definition.types[0], np.dtype(object))
    return next((array.dtype for array in arrays), expected)


def _holds_bytes(definition: Parameter, elements: Elements) -> bool:
    arrays = (array for element in _list_elements(elements) for array in _list_arrays(element))
    items = (item for array in arrays for item in array.flat)
    expected = b"" if definition.types[0] in tensors.BINARY else ""
    return isinstance(next(items, expected), bytes)
