"""Arrays as files of a record, and back; and what a record says of an array.

Numbers are an .npy file, as numpy saves it. Text and bytes are a .json file: a list of all items, in the
order of C, bytes in base64. The SHA-256 in a record is that of this file, whether or not it is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gitstore.errors import Corrupt, GitstoreError
from gitstore.records.record import Value
from gitstore.run.values import arrayfiles, bounded, outputs
from gitstore.run.values.ragged import separate
from gitstore.run.worker import tensors
from gitstore.run.worker.tensors import Array
from gitstore.text import counted

_ITEMS = 4096
"""Items of text or bytes that are encoded at a time."""

_BLOCK = 1 << 20
"""Bytes of a file that are read at a time."""

Write = Callable[[bytes], object]


class _Stopped(Exception):
    """Nobody needs the description any more."""


def write_values(arrays: Mapping[str, Array | list[Array]], directory: Path, inner: str) -> list[Value]:
    """Write arrays into `directory`/`inner`, a file each, and describe them. Raises `OSError`."""
    (directory / inner).mkdir()
    values = []
    for name, array in separate(arrays).items():
        file = f"{inner}/{name}{_choose_suffix(array)}"
        with (directory / file).open("xb") as opened:
            values.append(_describe(name, array, opened.write, file=file))
    return values


def read_values(directory: Path, values: Sequence[Value]) -> dict[str, Array]:
    """Read the arrays of a record from the directory that has its files.

    Raises `Corrupt` if a file is missing or is not what the record says.
    """
    arrays = {}
    for value in values:
        try:
            arrays[value.name] = _read_value(directory, value)
        except (ValueError, OSError, EOFError) as error:
            raise Corrupt(f"the record's file {value.file!r} of {value.name} is damaged: {error}") from error
    return arrays


@contextmanager
def describing(values: Mapping[str, Array | list[Array] | Path]) -> Iterator[Future[list[Value]]]:
    """Describe arrays and files in another thread while the block runs.

    It stops when the block ends with an error. The result raises `GitstoreError` for a file that cannot be
    read.
    """
    stop = threading.Event()

    def check(_: bytes) -> None:
        if stop.is_set():
            raise _Stopped

    def describe() -> list[Value]:
        return [
            _describe_file(name, value, check) if isinstance(value, Path) else _describe(name, value, check)
            for name, value in separate(values).items()
        ]

    with ThreadPoolExecutor(1, thread_name_prefix="gitstore-record") as pool:
        try:
            yield pool.submit(describe)
        except BaseException:
            stop.set()
            raise


def encode_scalar(array: Array) -> Any:
    """Return the value of a scalar as in JSON."""
    return outputs.to_json({"value": array})["value"]


def _describe(name: str, array: Array, write: Write, *, file: str | None = None) -> Value:
    """Describe an array, and pass the content of its file to `write`."""
    sink = _Sink(write)
    if array.dtype.kind == "O":
        _write_items(array, sink)
    else:
        np.save(sink, array, allow_pickle=False)
    type_name = tensors.find_element_type(array) or tensors.STRING
    value: dict[str, Any] = {"value": encode_scalar(array)} if _is_short(array) else {}
    if file is not None:
        value["file"] = file
    return Value(
        name=name, type=type_name, shape=list(array.shape), size=sink.size, sha256=sink.digest, **value
    )


def _describe_file(name: str, path: Path, write: Write) -> Value:
    """Describe a file of any kind, as it is."""
    sink = _Sink(write)
    try:
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                sink.write(block)
    except OSError as error:
        raise GitstoreError(f"{path} cannot be read: {error.strerror}") from error
    return Value(name=name, type="file", shape=[], size=sink.size, sha256=sink.digest)


class _Sink:
    """Counts and hashes what is written to it."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._hash = hashlib.sha256()
        self.size = 0

    def write(self, content: bytes) -> int:
        self._hash.update(content)
        self.size += len(content)
        self._write(content)
        return len(content)

    @property
    def digest(self) -> str:
        return self._hash.hexdigest()


def _is_short(array: Array) -> bool:
    """Whether the array is a scalar that a record shows: a number or a short text."""
    return array.ndim == 0 and (array.dtype.kind != "O" or len(array.item()) <= 1000)


def _choose_suffix(array: Array) -> str:
    return ".json" if array.dtype.kind == "O" else ".npy"


def _write_items(array: Array, sink: _Sink) -> None:
    flat = array.reshape(-1)
    sink.write(b"[")
    for start in range(0, flat.size, _ITEMS):
        items = json.dumps([_encode_item(item) for item in flat[start : start + _ITEMS]], ensure_ascii=False)
        sink.write((b"," if start else b"") + items[1:-1].encode())
    sink.write(b"]")


def _encode_item(item: str | bytes) -> str:
    return base64.b64encode(item).decode() if isinstance(item, bytes) else item


def _read_value(directory: Path, value: Value) -> Array:
    """Read the file of a value. Raises ValueError if it is not what the record says."""
    suffix = ".npy" if value.type in tensors.NUMERIC else ".json"
    if not isinstance(value.file, str) or not value.name.isidentifier():
        raise ValueError("the record does not name it")
    inner = value.file.partition("/")[0]
    if value.file not in (f"inputs/{value.name}{suffix}", f"outputs/{value.name}{suffix}"):
        raise ValueError("it has another name than files of records have")
    path = directory / inner / f"{value.name}{suffix}"
    array = arrayfiles.read_npy(path) if suffix == ".npy" else _read_items(path, value)
    if list(array.shape) != value.shape or tensors.find_element_type(array) != value.type:
        raise ValueError(f"it has the type {tensors.find_element_type(array)} and the shape {array.shape}")
    return array


def _read_items(path: Path, value: Value) -> Array:
    count = math.prod(value.shape)
    if count > arrayfiles.MAX_ITEMS:
        raise ValueError(f"it has {count:,} items, more than are read")
    try:
        items = msgspec.json.decode(bounded.read(path, bounded.MAX_BYTES), type=list[str])
    except msgspec.DecodeError as error:
        raise ValueError(str(error)) from error
    if len(items) != count:
        raise ValueError(f"it has {counted(len(items), 'item')}, not {count:,}")
    array = np.empty(count, object)
    array[:] = [_decode_bytes(item) for item in items] if value.type == "binary" else items
    return tensors.normalise(array.reshape(value.shape)) if count else array.reshape(value.shape)


def _decode_bytes(item: str) -> bytes:
    try:
        return base64.b64decode(item, validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from error
