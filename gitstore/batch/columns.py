"""Columns: the values of one parameter, one for each example, read chunk by chunk.

An array is mapped from its file, a column of a .parquet file is decoded as far as it is needed, and files are
read one by one. Errors are ValueErrors, or those of pyarrow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gitstore.run.values import arrayfiles, columns, datafiles, decoding
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array, Value
from gitstore.settings.schema import Parameter

_ROWS = 1024
_BYTES = 8 << 20
"""The most rows, and about the most bytes, that are decoded of a .parquet file at once."""


class ExampleColumn(Protocol):
    """The values of a parameter. `dimensions` and `size`, in bytes and about, are those of one example."""

    @property
    def count(self) -> int:
        """The number of examples."""

    @property
    def dimensions(self) -> int: ...

    @property
    def size(self) -> int: ...

    def read(self, start: int, stop: int) -> Value:
        """Return the examples from `start` to `stop`: the rows of an array, or a list of arrays.

        Chunks are read in their order, each of them once.
        """


@dataclass(frozen=True)
class ArrayColumn:
    """The rows of an array, which may be mapped and not in gitstore's form."""

    array: Array

    @property
    def count(self) -> int:
        return len(self.array)

    @property
    def dimensions(self) -> int:
        return self.array.ndim - 1

    @property
    def size(self) -> int:
        return self.array.nbytes // max(self.count, 1)

    def read(self, start: int, stop: int) -> Value:
        rows = arrayfiles.check_values(self.array[start:stop].copy())
        arrayfiles.release(self.array)
        return rows


@dataclass(frozen=True)
class FileColumn:
    """Files, each with one example. `single` is what settings.yaml says of one."""

    directory: Path
    names: Sequence[str]
    single: Parameter

    @property
    def count(self) -> int:
        return len(self.names)

    @property
    def dimensions(self) -> int:
        return len(self.single.shape)

    @property
    def size(self) -> int:
        (value,) = self.read(0, 1)
        return sum(map(len, value.flat)) if value.dtype.kind == "O" else value.nbytes

    def read(self, start: int, stop: int) -> list[Array]:
        return [
            tensors.normalise(datafiles.read(name, self.single, self.directory))
            for name in self.names[start:stop]
        ]


class TableColumn:
    """A column of an open .parquet file."""

    def __init__(self, file: Any, name: str) -> None:
        self.count: int = file.metadata.num_rows
        self.size = _measure_column(file, name) // max(self.count, 1)
        self._form = columns.find_form(file, name)
        rows = min(max(_BYTES // max(self.size, 1), 1), _ROWS)
        self._blocks = self._read_blocks(columns.read_batches(file, name, rows))
        self._block: Value = []

    @property
    def dimensions(self) -> int:
        return self._form.dimensions

    def read(self, start: int, stop: int) -> Value:
        blocks: list[Value] = []
        missing = stop - start
        while missing:
            if not len(self._block):
                self._block = next(self._blocks)
            blocks.append(self._block[:missing])
            self._block = self._block[missing:]
            missing -= len(blocks[-1])
        if self._form.is_list:
            return [tensors.normalise(element) for block in blocks for element in block]
        return arrayfiles.check_values(np.concatenate(blocks))

    def _read_blocks(self, batches: Iterator[Any]) -> Iterator[Value]:
        for batch in batches:
            if self._form.is_list:
                yield columns.convert_lists(batch)
            else:
                yield columns.convert_rows(batch, self._form)


def choose_single(definition: Parameter, name: str) -> Parameter:
    """Return the definition of what a file with one example holds.

    It is the parameter's own, without the leading dimension that settings.yaml leaves open (-1); unless only
    with that dimension the file could be a picture or a sound.
    """
    from msgspec.structs import replace

    shape = definition.shape
    suffix = Path(name).suffix.lower()
    is_picture = suffix in decoding.IMAGES and len(shape) == 3 and shape[2] in (1, 3, 4)
    is_sound = suffix in decoding.SOUNDS and len(shape) == 1
    is_decoded = set(definition.types).isdisjoint(tensors.BINARY)
    if shape[:1] != (-1,) or (is_decoded and not definition.ragged and (is_picture or is_sound)):
        return definition
    return replace(definition, shape=shape[1:], ragged=False)


def _measure_column(file: Any, name: str) -> int:
    groups = (file.metadata.row_group(number) for number in range(file.metadata.num_row_groups))
    parts = (group.column(number) for group in groups for number in range(group.num_columns))
    return sum(part.total_uncompressed_size for part in parts if part.path_in_schema.split(".")[0] == name)
