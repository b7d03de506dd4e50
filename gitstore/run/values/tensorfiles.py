"""Reading a tensor of a .safetensors file. The format is in `gitstore.tensors.safetensors`.

Errors are ValueErrors.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO

from gitstore.run.values import arrayfiles
from gitstore.run.values.arrayfiles import ArrayHeader
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array
from gitstore.tensors import safetensors
from gitstore.tensors.safetensors import Tensor
from gitstore.text import quoted


def read_safetensors(path: Path, key: str | None) -> Array:
    """Read a tensor. `key` may be `None` if there is only one. Large ones are mapped."""
    with path.open("rb") as file:
        stored = _read_tensors(file)
        name = arrayfiles.choose_key(stored, key, kind="tensor")
        return arrayfiles.read_array(file, path, _make_header(name, stored[name]))


def map_safetensors(path: Path, names: Collection[str]) -> dict[str, Array]:
    """Map the tensors that have one of these names, like `arrayfiles.map_npz`."""
    with path.open("rb") as file:
        stored = _read_tensors(file)
        return {
            name: arrayfiles.map_raw(file, _make_header(name, stored[name]))
            for name in names
            if name in stored
        }


def list_safetensors(path: Path) -> list[str]:
    """List the names of the tensors of a file."""
    with path.open("rb") as file:
        return list(_read_tensors(file))


def _read_tensors(file: BinaryIO) -> dict[str, Tensor]:
    return safetensors.read_header(_OpenFile(file, arrayfiles.check_regular(file))).tensors


def _make_header(name: str, tensor: Tensor) -> ArrayHeader:
    # The names of types are those of gitstore, but for BOOL.
    dtype = tensors.NUMERIC.get(tensor.dtype.lower())
    if dtype is None:
        raise ValueError(f"its tensor {quoted(name)} is {tensor.dtype}, which gitstore does not have")
    return ArrayHeader(tensor.shape, "C", dtype, tensor.start)


class _OpenFile:
    """An open file as `safetensors` reads it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.size = size
        self._file = file

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, offset)
