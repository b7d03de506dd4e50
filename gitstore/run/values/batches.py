"""Several values for one input: a name that is given again, `@DIR/*.png`, `@@LIST`.

They become one array, along the first dimension that settings.yaml leaves open (-1). Values of the whole
shape are joined end to end, values without that dimension are stacked. Errors are ValueErrors, whose text can
follow the input's name and a colon.
"""

from __future__ import annotations

import dataclasses
import glob
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from gitstore.run.values import bounded
from gitstore.run.worker.tensors import Array, Value
from gitstore.settings.schema import Parameter
from gitstore.text import shown

MAX_ITEMS = 1 << 20
"""The most values of one input."""

ReadValue = Callable[[str, Parameter], Value]
"""Reads a value; for a parameter that is not ragged, an array."""


@dataclasses.dataclass(frozen=True)
class Values:
    """The values of an input, each a text, and whether they form a batch."""

    texts: tuple[str, ...]
    is_batch: bool


def expand_texts(texts: Sequence[str], directory: Path) -> Values:
    """Return the values for the texts after NAME=. Patterns and lists are relative to `directory`.

    Files that match a pattern are in the order of their names. If a file has the name of the pattern, the
    text is that file. A list has one path in each line, relative to the list's directory. Raises ValueError.
    """
    values: list[str] = []
    is_batch = len(texts) > 1
    for text in texts:
        if text.startswith("@@"):
            values += _read_list(text[2:], directory)
        elif _is_pattern(text, directory):
            values += _match_files(text[1:], directory)
        else:
            values.append(text)
            continue
        is_batch = True
    if len(values) > MAX_ITEMS:
        raise ValueError(f"has {len(values):,} values, more than {MAX_ITEMS:,}")
    return Values(tuple(values), is_batch)


def _is_pattern(text: str, directory: Path) -> bool:
    if not text.startswith("@") or not glob.has_magic(text):
        return False
    path, _, _ = text[1:].rpartition(":")  # after the colon, the key of an .npz file
    return not any(name and os.path.exists(directory / name) for name in (text[1:], path))  # noqa: PTH110


def _match_files(pattern: str, directory: Path) -> list[str]:
    # Path.glob does not accept an absolute pattern.
    names = sorted(glob.glob(pattern, root_dir=directory, recursive=True))  # noqa: PTH207
    files = [f"@{name}" for name in names if not (directory / name).is_dir()]
    if not files:
        raise ValueError(f"{shown(pattern)}: no file matches")
    return files


def _read_list(name: str, directory: Path) -> list[str]:
    path = directory / name
    try:
        lines = bounded.read(path, bounded.MAX_TEXT).decode().splitlines()
    except OSError as error:
        raise ValueError(f"{shown(name)}: {error.strerror or error}") from error
    except ValueError as error:
        raise ValueError(f"{shown(name)}: {error}") from error
    files = [f"@{path.parent / line}" for line in lines if line.strip()]
    if not files:
        raise ValueError(f"{shown(name)}: it lists no files")
    return files


def read_batch(values: Values, definition: Parameter, read_value: ReadValue) -> Value:
    """Return the array of a batch, or a list of arrays if it is ragged. `read_value` reads each value.

    Raises ValueError.
    """
    if -1 not in definition.shape:
        count = "twice" if len(values.texts) == 2 else f"{len(values.texts)} times"
        raise ValueError(f"is given {count}, but its shape {definition.shape} has no open dimension (-1)")
    axis = definition.shape.index(-1)
    shape = definition.shape[:axis] + definition.shape[axis + 1 :]
    single = msgspec.structs.replace(definition, shape=shape, ragged=False)
    size = 0
    arrays: list[Array] = []
    for text in values.texts:
        array = read_value(text, single)
        if isinstance(array, list):
            raise TypeError("a value that is not ragged has been read as a list")
        arrays.append(array)
        size += _measure_size(array)
        bounded.check_size(size, bounded.MAX_BYTES)
    return _list_elements(arrays, definition) if definition.ragged else _combine(arrays, definition, axis)


def _list_elements(arrays: Sequence[Array], definition: Parameter) -> list[Array]:
    """Return the elements of a ragged value: each value is one, or with one more dimension several."""
    dimensions = len(definition.shape)
    elements: list[Array] = []
    for number, array in enumerate(arrays, start=1):
        if array.ndim not in (dimensions - 1, dimensions):
            raise ValueError(f"value {number} has the shape {array.shape}: {_describe_shape(definition)}")
        elements += list(array) if array.ndim == dimensions else [array]
    return elements


def _combine(arrays: Sequence[Array], definition: Parameter, axis: int) -> Array:
    dimensions = len(definition.shape)
    if len(arrays) == 1 and arrays[0].ndim == dimensions:
        return arrays[0]  # which may be mapped
    blocks = [np.expand_dims(array, axis) if array.ndim == dimensions - 1 else array for array in arrays]
    first = blocks[0].shape
    for number, block in enumerate(blocks, start=1):
        if block.ndim != dimensions:
            raise ValueError(
                f"value {number} has the shape {arrays[number - 1].shape}: {_describe_shape(definition)}"
            )
        if block.shape[:axis] + block.shape[axis + 1 :] != first[:axis] + first[axis + 1 :]:
            shapes = f"{arrays[number - 1].shape}, which does not fit {arrays[0].shape} of value 1"
            raise ValueError(f"value {number} has the shape {shapes}")
    dtypes = {block.dtype for block in blocks if block.size or block.dtype.kind != "O"} or {blocks[0].dtype}
    kinds = {"i" if dtype.kind == "u" else dtype.kind for dtype in dtypes}
    if len(kinds) > 1 or np.result_type(*dtypes).kind not in {dtype.kind for dtype in dtypes}:
        raise ValueError(f"its values are of different types: {', '.join(sorted(map(str, dtypes)))}")
    return np.concatenate(blocks, axis=axis)


def _describe_shape(definition: Parameter) -> str:
    return f"settings.yaml asks for {definition.shape}"


def _measure_size(array: Array) -> int:
    return sum(map(len, array.flat)) if array.dtype.kind == "O" else array.nbytes
