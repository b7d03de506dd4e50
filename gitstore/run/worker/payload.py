"""The data of a tensor as a stream of bytes, which is never copied as a whole.

Numbers are encoded as their elements, little-endian, in C order; text and bytes as the length of each item
(u64), then each item. Text is UTF-8.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import tensors
from .tensors import Array

if TYPE_CHECKING:
    from typing import TypeAlias  # Python 3.10

BLOCK = 1 << 20
MAX_DIMENSIONS = 64  # as in numpy and in the schema of settings.yaml

_U64 = np.dtype("<u8")
_OBJECT = np.dtype(object)

ReadInto: TypeAlias = Callable[[memoryview], None]


class Malformed(Exception):
    """A malformed frame, or one that is not allowed. The channel cannot be used any more."""


def encode_blocks(array: Array) -> Iterator[memoryview]:
    """Yield the data of an array from `tensors.normalise`, block by block."""
    if array.dtype == _OBJECT:
        lengths = np.fromiter((len(_encode(item)) for item in array.flat), _U64, array.size)
        yield lengths.data.cast("B") if array.size else memoryview(b"")
        yield from _encode_items(array)
    else:
        yield array.reshape(-1).view("u1").data


def read(read_into: ReadInto, type_name: str, shape: tuple[int, ...], *, limit: int) -> tuple[Array, int]:
    """Read one tensor of at most `limit` bytes; return it and the number of its bytes.

    `read_into` fills a whole buffer from the stream. Raises Malformed for other data.
    """
    count = math.prod(shape)
    dtype = tensors.NUMERIC.get(type_name)
    # numpy refuses huge lengths even where a zero among them makes the array empty.
    size = math.prod(max(length, 1) for length in shape) * (dtype or _U64).itemsize
    if len(shape) > MAX_DIMENSIONS or size > limit:
        raise Malformed(f"a tensor of shape {shape}, over the limit of {limit} bytes")
    if dtype is None:
        items, size = _read_items(read_into, type_name, count, limit=limit)
        return items.reshape(shape), size
    array = _allocate(count, dtype)
    raw = array.view("u1")
    read_into(raw.data)
    if dtype.kind == "b" and count and raw.max() > 1:
        raise Malformed("a bool that is neither 0 nor 1")
    return array.reshape(shape), raw.nbytes


def _read_items(read_into: ReadInto, type_name: str, count: int, *, limit: int) -> tuple[Array, int]:
    lengths = _allocate(count, _U64)
    read_into(lengths.view("u1").data)
    size = lengths.nbytes + sum(lengths.tolist())
    if size > limit:
        raise Malformed(f"items of {size} bytes, over the limit of {limit} bytes")
    decode = _decode if type_name == tensors.STRING else bytes
    items = _allocate(count, _OBJECT)
    ends = np.cumsum(lengths, dtype=_U64)
    first = start = 0
    while first < count:
        # At least one item. Many short ones are read together, because a system call for each would be slow.
        last = max(first + 1, int(np.searchsorted(ends, start + BLOCK, side="right")))
        block = memoryview(bytearray(int(ends[last - 1]) - start))
        read_into(block)
        position = 0
        for i, length in enumerate(lengths[first:last].tolist(), start=first):
            items[i] = decode(block[position : position + length])
            position += length
        first, start = last, start + len(block)
    return items, size


def _encode_items(array: Array) -> Iterator[memoryview]:
    """Yield the items of an object array, many short ones in one block."""
    block = bytearray()
    for item in array.flat:
        block += _encode(item)
        if len(block) >= BLOCK:
            yield memoryview(block)
            block = bytearray()
    yield memoryview(block)


def _allocate(count: int, dtype: np.dtype[Any]) -> Array:
    try:
        return np.empty(count, dtype)
    except MemoryError as error:
        raise Malformed(f"a tensor of {count} elements, more than memory holds") from error


def _encode(item: str | bytes) -> bytes:
    return item.encode() if isinstance(item, str) else item


def _decode(item: memoryview) -> str:
    try:
        return str(item, "utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("text that is not UTF-8") from error
