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
from gitstore.run.worker.tensors import Array

# Bytes of text in an .npy file from which on its padding counts.
_PADDED = 64 << 20


def to_json(outputs: Mapping[str, Array]) -> dict[str, Any]:
    """The outputs as nested lists that strict JSON can hold, and that `literals` reads back.

    Bytes are base64; NaN and the infinities are "NaN", "Infinity" and "-Infinity". A float has as few
    digits as tell it from its neighbours in its own type.
    """
    return {name: _plain(array) for name, array in outputs.items()}


def write(outputs: Mapping[str, Array], directory: Path) -> list[Path]:
    """Write each output to a file in `directory`, which is made if needed; give the paths.

    NAME.npy for numbers and text (numpy's fixed-width text: NULs at an item's end are lost), or NAME.json
    for text that would take much more so. Bytes as they are: NAME.png and the like (see `media`) for one
    item, else a numbered file for each, NAME-00.png; with several dimensions, their numbers: NAME-0-12.png.
    Each file appears whole or not at all, and replaces an older one of its name.
    """
    directory.mkdir(parents=True, exist_ok=True)
    return [path for name, array in outputs.items() for path in _write(name, array, directory)]


def _plain(array: Array) -> Any:
    """An array as nested lists, or a scalar as itself."""
    if array.dtype.kind == "O":
        convert: Callable[[Any], Any] = _plain_item
    elif array.dtype.kind == "f":
        convert = _plain_float
    else:
        return array.tolist()
    flat = np.empty(array.size, object)
    flat[:] = [convert(item) for item in array.reshape(-1)]
    return flat.reshape(array.shape).tolist()


def _plain_item(item: str | bytes) -> str:
    return base64.b64encode(item).decode() if isinstance(item, bytes) else item


def _plain_float(item: np.floating[Any]) -> float | str:
    if math.isnan(item):
        return "NaN"
    if math.isinf(item):
        return "Infinity" if item > 0 else "-Infinity"
    # By way of text: 0.1 as f32 is 0.10000000149011612 as f64.
    return float(str(item))


def _write(name: str, array: Array, directory: Path) -> Iterator[Path]:
    if tensors.element_type(array) == "binary":
        for label, item in _items(array):
            path = directory / f"{name}{label}{media.ending(item)}"
            with _replaced(path) as file:
                file.write(item)
            yield path
    elif array.dtype.kind == "O" and _is_uneven(array):
        path = directory / f"{name}.json"
        with _replaced(path) as file:
            file.write(json.dumps(_plain(array), ensure_ascii=False).encode())
        yield path
    else:
        path = directory / f"{name}.npy"
        with _replaced(path) as file:
            np.save(file, array.astype(str) if array.dtype.kind == "O" else array, allow_pickle=False)
        yield path


def _items(array: Array) -> Iterator[tuple[str, bytes]]:
    """Each item, and what tells its file from those of the others: its place, in as many digits for all."""
    digits = [len(str(max(length - 1, 0))) for length in array.shape]
    for index in np.ndindex(array.shape):
        place = (f"-{number:0{width}}" for number, width in zip(index, digits, strict=True))
        yield "".join(place), array.item(index)


def _is_uneven(array: Array) -> bool:
    """Whether text would take far more as numpy's, which gives every item the room of the longest."""
    lengths = [len(text) for text in array.flat]
    padded = 4 * len(lengths) * max(lengths, default=0)
    return padded > _PADDED and padded > 16 * sum(lengths)


@contextlib.contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """A file to write, which takes the place of `path` when all of it is there."""
    temporary = path.with_name(f"{new_prefix(path.name)}{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
