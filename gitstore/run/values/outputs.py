"""Outputs as JSON, and as files."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from gitstore.disk.hidden_names import new_prefix
from gitstore.run.values import media
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array, Value

_PADDED = 64 << 20
"""Up to this many bytes, text is written to an .npy file, whatever its padding."""


def to_json(outputs: Mapping[str, Value]) -> dict[str, Any]:
    """Return the outputs as nested lists for strict JSON, which `literals` can read again.

    Bytes are base64; NaN and the infinities are "NaN", "Infinity" and "-Infinity". A float has the fewest
    digits that distinguish it from the next values of its type.
    """
    return {
        name: list(map(_encode, value)) if isinstance(value, list) else _encode(value)
        for name, value in outputs.items()
    }


def write(outputs: Mapping[str, Value], directory: Path) -> list[Path]:
    """Write each output to a file in `directory`, which is created if needed, and return the paths.

    Numbers and text go to NAME.npy (numpy's text has a fixed width: NULs at the end of an item are lost), or
    to NAME.json for text that would be much larger in that format. Bytes are written as they are: a single
    item to NAME.png or the like (see `media`), several to numbered files: NAME-00.png, or NAME-0-12.png with
    two dimensions. The elements of a ragged output are numbered in the same way. Each file is replaced
    atomically.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return [
        path
        for name, value in outputs.items()
        for label, array in _name_arrays(name, value)
        for path in _write(label, array, directory)
    ]


def _name_arrays(name: str, value: Value) -> Iterator[tuple[str, Array]]:
    """Yield each array of a value with a name, which ends with its number if the value is ragged."""
    if not isinstance(value, list):
        yield name, value
        return
    digits = len(str(max(len(value) - 1, 0)))
    for number, element in enumerate(value):
        yield f"{name}-{number:0{digits}}", element


def _encode(array: Array) -> Any:
    """Return an array as nested lists, or the value of a scalar."""
    if array.dtype.kind == "O":
        convert: Callable[[Any], Any] = _encode_item
    elif array.dtype.kind == "f":
        convert = _encode_float
    else:
        return array.tolist()
    flat = np.empty(array.size, object)
    flat[:] = [convert(item) for item in array.reshape(-1)]
    return flat.reshape(array.shape).tolist()


def _encode_item(item: str | bytes) -> str:
    return base64.b64encode(item).decode() if isinstance(item, bytes) else item


def _encode_float(item: np.floating[Any]) -> float | str:
    if math.isnan(item):
        return "NaN"
    if math.isinf(item):
        return "Infinity" if item > 0 else "-Infinity"
    # float(item) of 0.1 as f32 would be 0.10000000149011612.
    return float(str(item))


def _write(name: str, array: Array, directory: Path) -> Iterator[Path]:
    if tensors.find_element_type(array) == "binary":
        for label, item in _number_items(array):
            path = directory / f"{name}{label}{media.choose_suffix(item)}"
            with _replacement(path) as file:
                file.write(item)
            yield path
    elif array.dtype.kind == "O" and _is_uneven(array):
        path = directory / f"{name}.json"
        with _replacement(path) as file:
            file.write(json.dumps(_encode(array), ensure_ascii=False).encode())
        yield path
    else:
        path = directory / f"{name}.npy"
        with _replacement(path) as file:
            np.save(file, array.astype(str) if array.dtype.kind == "O" else array, allow_pickle=False)
        yield path


def _number_items(array: Array) -> Iterator[tuple[str, bytes]]:
    """Yield each item with the suffix of its file's name: its indexes, each in a fixed number of digits."""
    digits = [len(str(max(length - 1, 0))) for length in array.shape]
    for index in np.ndindex(array.shape):
        place = (f"-{number:0{width}}" for number, width in zip(index, digits, strict=True))
        yield "".join(place), array.item(index)


def _is_uneven(array: Array) -> bool:
    """Whether text is far larger in numpy's format, where every item takes the bytes of the longest."""
    lengths = [len(text) for text in array.flat]
    padded = 4 * len(lengths) * max(lengths, default=0)
    return padded > _PADDED and padded > 16 * sum(lengths)


@contextlib.contextmanager
def _replacement(path: Path) -> Iterator[BinaryIO]:
    """Open a file for writing that replaces `path` atomically after the block."""
    temporary = path.with_name(f"{new_prefix(path.name)}{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
