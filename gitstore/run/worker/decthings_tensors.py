"""Tensors as the bytes that a Decthings model reads and writes.

    type         one byte, see CODES
    dimensions   one byte: how many; then the length of each, a varuint
    numbers      the elements, little-endian, in C order
    other types  a varuint: the number of all bytes that follow; then of each element its number of bytes, a
                 varuint, and the bytes. Those of media begin with three letters that name the format: png
    varuint      one byte up to 252; else 253, 254 or 255 and 2, 4 or 8 bytes, big-endian

The format is that of the package decthings-api 0.0.4, whose class DecthingsTensor models use.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import tensors
from .tensors import Array

CODES = {
    "f32": 1, "f64": 2, "i8": 3, "i16": 4, "i32": 5, "i64": 6, "u8": 7, "u16": 8, "u32": 9, "u64": 10,
    "string": 11, "binary": 12, "bool": 13, "image": 14, "audio": 15, "video": 16,
}  # fmt: skip
"""The code of each element type, by gitstore's name. Decthings calls bool boolean, and has no f16."""

_NAMES = {code: name for name, code in CODES.items()}
_MEDIA = ("image", "audio", "video")
_WIDTHS = {253: 2, 254: 4, 255: 8}

_FORMATS = {
    b"\x89PNG": "png", b"\xff\xd8\xff": "jpg", b"GIF8": "gif", b"II*\0": "tif", b"MM\0*": "tif", b"BM": "bmp",
    b"fLaC": "fla", b"OggS": "ogg", b"ID3": "mp3", b"\xff\xfb": "mp3", b"\x1aE\xdf\xa3": "mkv",
}  # fmt: skip
_RIFF = {b"WEBP": "web", b"WAVE": "wav", b"AVI ": "avi"}
_UNKNOWN = "bin"


def encode(array: Array, type_name: str) -> bytes:
    """Return the bytes of a tensor. `array` is from `tensors.normalise`."""
    if type_name in tensors.NUMERIC:
        return _encode_header(array, type_name) + array.tobytes()
    is_media = type_name in _MEDIA
    contents = (item.encode() if isinstance(item, str) else item for item in array.reshape(-1))
    items = [_find_format(content).encode() + content if is_media else content for content in contents]
    return _encode_items(array, type_name, items=items)


def measure(array: Array, type_name: str) -> int:
    """Return the number of bytes of a tensor."""
    if type_name not in tensors.NUMERIC:
        return len(encode(array, type_name))
    return 2 + sum(len(_encode_number(length)) for length in array.shape) + array.nbytes


def decode(data: bytes) -> tuple[str, Array, int]:
    """Return a tensor's element type, its array, and the number of its bytes. Raises ValueError.

    The items of media are their bytes, without the name of their format.
    """
    type_name, array, end = _decode(data)
    if type_name in _MEDIA:
        for index, item in enumerate(array.flat):
            array.flat[index] = item[3:]
    return type_name, array, end


def to_array(value: object) -> Array:
    """Return the array of a number, of a tensor's bytes, or of an object of class DecthingsTensor.

    Raises ValueError for any other.
    """
    if hasattr(value, "serialize"):
        value = value.serialize()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return decode(bytes(value))[1]
    if isinstance(value, (int, float, np.number)):
        return np.asarray(value, np.float64)
    raise ValueError(f"holds a value of type {type(value).__name__}, not a DecthingsTensor")


def repair_package() -> None:
    """Replace methods of DecthingsTensor that fail: 0.0.4 reads no binary, and writes no audio or video."""
    package = sys.modules.get("decthings_api")
    tensor_class: Any = getattr(package, "DecthingsTensor", None)
    if tensor_class is None:
        return
    empty = np.array([b""], dtype=object)
    try:
        tensor_class.deserialize(encode(empty, "binary"))
    except (TypeError, ValueError):
        tensor_class.deserialize = staticmethod(lambda data: _deserialize(package, data))
    try:
        audio_class: Any = getattr(package, "DecthingsElementAudio")  # noqa: B009 - it may be another package
        tensor_class([audio_class("wav", b"")], "audio", [1]).serialize()
    except (TypeError, ValueError):
        tensor_class.serialize = _serialize


def _deserialize(package: Any, data: bytes) -> tuple[Any, int]:
    """Do what DecthingsTensor.deserialize is for."""
    type_name, array, end = _decode(data)
    if type_name in _MEDIA:
        element_class = getattr(package, f"DecthingsElement{type_name.title()}")
        for index, item in enumerate(array.flat):
            array.flat[index] = element_class(item[:3].decode(), item[3:])
    name = "boolean" if type_name == "bool" else type_name
    return package.DecthingsTensor(array, name, list(array.shape)), end


def _serialize(tensor: Any) -> bytes:
    """Do what DecthingsTensor.serialize is for."""
    array, type_name = tensor.numpy(), tensor.type()
    if type_name in _MEDIA:
        items = [element.format().encode() + element.data() for element in array.reshape(-1)]
        return _encode_items(array, type_name, items=items)
    return encode(array, "bool" if type_name == "boolean" else type_name)


def _decode(data: bytes) -> tuple[str, Array, int]:
    if len(data) < 2 or data[0] not in _NAMES:
        raise ValueError("is not a tensor of a known type")
    type_name = _NAMES[data[0]]
    place, shape = 2, []
    for _ in range(data[1]):
        length, place = _decode_number(data, place)
        shape.append(length)
    count = math.prod(shape)
    dtype = tensors.NUMERIC.get(type_name)
    if dtype is not None:
        end = place + count * dtype.itemsize
        _check_end(data, end)
        return type_name, np.frombuffer(data, dtype, count, place).reshape(shape), end
    size, place = _decode_number(data, place)
    _check_end(data, place + max(size, count))
    items = np.empty(count, dtype=object)
    for index in range(count):
        length, place = _decode_number(data, place)
        _check_end(data, place + length)
        content = data[place : place + length]
        items[index] = content.decode() if type_name == "string" else content
        place += length
    return type_name, items.reshape(shape), place


def _check_end(data: bytes, end: int) -> None:
    if end > len(data):
        raise ValueError("is a tensor that ends before its last element")


def _decode_number(data: bytes, place: int) -> tuple[int, int]:
    """Return a varuint, and the place behind it."""
    _check_end(data, place + 1)
    width = _WIDTHS.get(data[place])
    if width is None:
        return data[place], place + 1
    end = place + 1 + width
    _check_end(data, end)
    return int.from_bytes(data[place + 1 : end], "big"), end


def _encode_number(number: int) -> bytes:
    if number <= 252:
        return bytes([number])
    for marker, width in _WIDTHS.items():
        if number < 1 << (8 * width):
            return bytes([marker]) + number.to_bytes(width, "big")
    raise ValueError("a length of more than 64 bits")


def _encode_header(array: Array, type_name: str) -> bytes:
    return bytes([CODES[type_name], array.ndim]) + b"".join(map(_encode_number, array.shape))


def _encode_items(array: Array, type_name: str, *, items: Sequence[bytes]) -> bytes:
    content = b"".join(_encode_number(len(item)) + item for item in items)
    return _encode_header(array, type_name) + _encode_number(len(content)) + content


def _find_format(content: bytes) -> str:
    """Return three letters for the format of media, by its first bytes."""
    if content.startswith(b"RIFF"):
        return _RIFF.get(content[8:12], _UNKNOWN)
    if content[4:8] == b"ftyp":
        return "mp4"
    return next((name for start, name in _FORMATS.items() if content.startswith(start)), _UNKNOWN)
