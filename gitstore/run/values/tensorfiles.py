"""Reading a tensor of a .safetensors file. The format is in `gitstore.tensors.safetensors`.

Errors are ValueErrors.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from gitstore.run.values import arrayfiles
from gitstore.run.values.arrayfiles import ArrayHeader
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array
from gitstore.tensors import safetensors
from gitstore.text import quoted


def read_safetensors(path: Path, key: str | None) -> Array:
    """Read a tensor. `key` may be `None` if there is only one. Large ones are mapped."""
    with path.open("rb") as file:
        size = arrayfiles.check_regular(file)
        stored = safetensors.read_header(_OpenFile(file, size)).tensors
        name = arrayfiles.choose_key(stored, key, kind="tensor")
        tensor = stored[name]
        # The names of types are those of gitstore, but for BOOL.
        dtype = tensors.NUMERIC.get(tensor.dtype.lower())
        if dtype is None:
            raise ValueError(f"its tensor {quoted(name)} is {tensor.dtype}, which gitstore does not have")
        return arrayfiles.read_array(file, path, ArrayHeader(tensor.shape, "C", dtype, tensor.start))


class _OpenFile:
    """An open file as `safetensors` reads it."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.size = size
        self._file = file

    def read(self, offset: int, length: int) -> bytes:
        return os.pread(self._file.fileno(), length, offset)
