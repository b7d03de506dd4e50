"""The data of a value as bytes: how values are encoded, and decoded from one buffer.

    numbers           the elements, little-endian, in C order
    text and bytes    the length of each item (u64), then the items; text is UTF-8
    a ragged value    the lengths of each element's dimensions (u64), then the data of all elements as if they
                      were one array of one dimension

A description of the data arrives in the header of its frame. Everything in it is checked before memory is
taken, because the model's code can write to the worker's socket.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

import numpy as np

from . import tensors
from .tensors import Array, Value

BLOCK = 1 << 20
MAX_DIMENSIONS = 64  # as in the schema of settings.yaml; numpy 1 has at most 32

MAX_ITEMS = 1 << 24
"""The most items of text or bytes, which become objects of about 60 bytes."""

MAX_LENGTHS = 1 << 21
"""The most lengths of all elements of a ragged value. An element becomes an array of about 200 bytes."""

_U64 = np.dtype("<u8")
_OBJECT = np.dtype(object)


class Malformed(Exception):
    """A malformed frame, or one that is not allowed. The channel cannot be used any more."""


class Description(NamedTuple):
    """What a header says of a value: `size` is the number of bytes of its data.

    The shape of a ragged value is the number of its elements, and the number of dimensions of each.
    """

    name: str
    type_name: str
    shape: tuple[int, ...]
    is_ragged: bool
    size: int


def describe(name: str, value: Value) -> Description:
    """Describe a value from `tensors.normalise` or `tensors.normalise_ragged`."""
    type_name = cast(str, tensors.find_value_type(value))
    if not isinstance(value, list):
        return Description(name, type_name, value.shape, False, _measure([value], type_name))
    dimensions = value[0].ndim if value else 1
    size = len(value) * dimensions * _U64.itemsize + _measure(value, type_name)
    return Description(name, type_name, (len(value), dimensions), True, size)


def encode_blocks(value: Value) -> Iterator[memoryview]:
    """Yield the data of a value, block by block. Large arrays are not copied."""
    arrays = value if isinstance(value, list) else [value]
    if isinstance(value, list):
        shapes = np.array([element.shape for element in value], _U64)
        yield memoryview(shapes.tobytes())
    if tensors.find_value_type(value) in tensors.NUMERIC:
        for array in arrays:
            yield array.reshape(-1).view("u1").data
    else:
        yield memoryview(
            np.concatenate([_measure_items(array) for array in arrays] or [np.empty(0, _U64)]).tobytes()
        )
        yield from _encode_items(item for array in arrays for item in array.flat)


def check(description: Description, limit: int) -> None:
    """Raise Malformed unless a value can have this description, and `size` is at most `limit`."""
    _, type_name, shape, is_ragged, size = description
    dtype = None if is_ragged else tensors.NUMERIC.get(type_name)
    width = _U64.itemsize if dtype is None else dtype.itemsize
    # numpy refuses huge lengths even where a zero among them makes the array empty.
    most = width * math.prod(max(length, 1) for length in shape)
    if max(size, most) > limit or len(shape) > MAX_DIMENSIONS:
        raise Malformed(f"a tensor of shape {shape} and {size} bytes, over the limit of {limit} bytes")
    least = width * math.prod(shape)
    if size < least or (dtype is not None and size != least):
        raise Malformed(f"a tensor of shape {shape} in {size} bytes")
    if is_ragged and (len(shape) != 2 or not 1 <= shape[1] < MAX_DIMENSIONS):
        raise Malformed(f"a ragged tensor of shape {shape}")
    most_items = MAX_LENGTHS if is_ragged else MAX_ITEMS
    if dtype is None and math.prod(shape) > most_items:
        raise Malformed(f"a tensor of shape {shape}, over the limit of {most_items} items")


def allocate(size: int) -> Array:
    """Return a buffer of `size` bytes. Raises Malformed if memory does not hold them."""
    try:
        return np.empty(size, np.uint8)
    except MemoryError as error:
        raise Malformed(f"a tensor of {size} bytes, more than memory holds") from error


def decode(data: Array, description: Description) -> Value:
    """Return the value in a buffer of bytes that has the size of its checked description.

    Numbers are not copied: the arrays use the buffer. Raises Malformed for any other data.
    """
    if not description.is_ragged:
        return _decode_array(data, description.type_name, math.prod(description.shape)).reshape(
            description.shape
        )
    count, dimensions = description.shape
    end = count * dimensions * _U64.itemsize
    shapes = data[:end].view(_U64).reshape(count, dimensions).tolist()
    counts = [math.prod(shape) for shape in shapes]
    flat = _decode_array(data[end:], description.type_name, sum(counts))
    elements: list[Array] = []
    start = 0
    for shape, length in zip(shapes, counts):
        try:
            elements.append(flat[start : start + length].reshape(shape))
        except ValueError as error:  # one of its lengths is 0, another one huge
            raise Malformed("an element of a ragged tensor with a shape that no array can have") from error
        start += length
    return elements


def _decode_array(data: Array, type_name: str, count: int) -> Array:
    """Return an array of one dimension."""
    dtype = tensors.NUMERIC.get(type_name)
    if dtype is None:
        return _decode_items(data, type_name, count)
    if count * dtype.itemsize != len(data):
        raise Malformed(f"a tensor of {count} elements in {len(data)} bytes")
    if dtype.kind == "b" and count and data.max() > 1:
        raise Malformed("a bool that is neither 0 nor 1")
    return data.view(dtype)


def _decode_items(data: Array, type_name: str, count: int) -> Array:
    if count > MAX_ITEMS or count * _U64.itemsize > len(data):
        raise Malformed(f"a tensor of {count} items in {len(data)} bytes")
    start = count * _U64.itemsize
    lengths = data[:start].view(_U64).tolist()
    if start + sum(lengths) != len(data):
        raise Malformed(f"items of {sum(lengths)} bytes in {len(data) - start}")
    decode_item = _decode_text if type_name == tensors.STRING else bytes
    view = data.data
    items = np.empty(count, _OBJECT)
    for i, length in enumerate(lengths):
        items[i] = decode_item(view[start : start + length])
        start += length
    return items


def _measure(arrays: list[Array], type_name: str) -> int:
    if type_name in tensors.NUMERIC:
        return sum(array.nbytes for array in arrays)
    return sum(array.size * _U64.itemsize + int(_measure_items(array).sum()) for array in arrays)


def _measure_items(array: Array) -> Array:
    return np.fromiter((len(_encode(item)) for item in array.flat), _U64, array.size)


def _encode_items(items: Iterable[Any]) -> Iterator[memoryview]:
    """Yield items, many short ones in one block, and long ones as they are."""
    block = bytearray()
    for item in items:
        content = _encode(item)
        if len(content) >= BLOCK:
            yield memoryview(block)
            yield memoryview(content)
            block = bytearray()
            continue
        block += content
        if len(block) >= BLOCK:
            yield memoryview(block)
            block = bytearray()
    yield memoryview(block)


def _encode(item: str | bytes) -> bytes:
    return item.encode() if isinstance(item, str) else item


def _decode_text(item: memoryview) -> str:
    try:
        return str(item, "utf-8")
    except UnicodeDecodeError as error:
        raise Malformed("text that is not UTF-8") from error
