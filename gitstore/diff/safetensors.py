"""The header of a safetensors file: which tensors it holds, and where.

The format, from the `safetensors` project: the header's length in 8 bytes, little-endian; the header,
a JSON object; then the tensors' bytes, without gaps. Nothing is believed that the file says of itself.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple, Protocol

import msgspec

from gitstore.text import quoted

SUFFIX = ".safetensors"

MAX_HEADER = 16 * 1024 * 1024
"""Bytes of a header that are read. The format itself allows 100 MB."""

MAX_KEYS = 1 << 20
"""Keys of all objects in a header: four for each tensor. What is read of JSON takes many times its bytes."""

MAX_DIMENSIONS = 64

# Up to this size, a key that is there twice is named. The reader that can name it is slow.
_SMALL = 1 << 18

_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_PREFIX = 8
_METADATA = "__metadata__"

# Bits of an element. A type that came later is taken as it is, and its size is not checked.
_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "BOOL": 8, "U8": 8, "I8": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


_Length = Annotated[int, msgspec.Meta(ge=0)]


class Readable(Protocol):
    """A file of which a header can be read."""

    @property
    def size(self) -> int: ...

    def read(self, offset: int, length: int) -> bytes: ...


class Tensor(NamedTuple):
    """A tensor's type and shape, and the bytes of the file that are its values: from, to."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class Header(NamedTuple):
    """What a file holds: tensors by name, in the order of their bytes, and what else its writer noted."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def read_header(file: Readable) -> Header:
    """The header of a file. Reads nothing else.

    Raises ValueError, with one line that says what is wrong, for a file that is not in the format.
    """
    if file.size < _PREFIX:
        raise ValueError("it is shorter than a header's length")
    length = int.from_bytes(file.read(0, _PREFIX), "little")
    if length > MAX_HEADER:
        raise ValueError(f"its header is longer than {MAX_HEADER // 1024**2} MiB")
    start = _PREFIX + length
    if start > file.size:
        raise ValueError("its header extends beyond the end of the file")
    entries, metadata = _parse(file.read(_PREFIX, length))
    named = {name: _tensor(name, entry, start=start, size=file.size) for name, entry in entries.items()}
    tensors = dict(sorted(named.items(), key=lambda item: (item[1].start, item[1].end)))
    _check_places(tensors, start, file.size)
    return Header(tensors, metadata)


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """A tensor as the header describes it."""

    dtype: str
    shape: Annotated[list[_Length], msgspec.Meta(max_length=MAX_DIMENSIONS)]
    data_offsets: tuple[_Length, _Length]


# An object's values stay bytes until each is read as what it must be, so that nothing else takes memory.
_VALUES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TENSOR = msgspec.json.Decoder(_Entry)
_TEXTS = msgspec.json.Decoder(dict[str, str])


def _parse(content: bytes) -> tuple[dict[str, _Entry], dict[str, str]]:
    """The tensors of a header by name, and its metadata."""
    keys = _count_keys(content)
    try:
        if len(content) <= _SMALL:
            json.loads(content.decode(), object_pairs_hook=_check_twice)
        values = _VALUES.decode(content)
    except _Twice as error:
        raise ValueError(f"its header has {quoted(error.key)} twice") from error
    except msgspec.ValidationError as error:
        raise ValueError("its header is not a JSON object") from error
    except (ValueError, RecursionError) as error:
        raise ValueError("its header is not JSON") from error
    metadata = _metadata(values.pop(_METADATA, None))
    tensors = {name: _entry(name, value) for name, value in values.items()}
    if keys != len(values) + 3 * len(tensors) + (len(metadata) + 1 if metadata is not None else 0):
        raise ValueError("its header has a key twice")
    return tensors, metadata or {}


def _count_keys(content: bytes) -> int:
    """How many keys all objects of a JSON text have together. Raises ValueError if that is too many."""
    if content.count(b'"') <= 8 * MAX_KEYS:
        keys = _TEXT.sub(b"", content).count(b":")
        if keys <= MAX_KEYS:
            return keys
    raise ValueError(f"its header has more than {MAX_KEYS:,} keys")


class _Twice(Exception):
    """A JSON object has a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _check_twice(pairs: Sequence[tuple[str, Any]]) -> None:
    keys = set()
    for key, _ in pairs:
        if key in keys:
            raise _Twice(key)
        keys.add(key)


def _metadata(value: msgspec.Raw | None) -> dict[str, str] | None:
    try:
        return _TEXTS.decode(value) if value is not None else None
    except (ValueError, RecursionError) as error:
        raise ValueError(f"its {_METADATA} does not map names to texts") from error


def _entry(name: str, value: msgspec.Raw) -> _Entry:
    try:
        entry = _TENSOR.decode(value)
    except (ValueError, RecursionError) as error:
        raise _misdescribed(name) from error
    if max(*entry.shape, *entry.data_offsets) >= 2**63:
        raise _misdescribed(name)
    return entry


def _misdescribed(name: str) -> ValueError:
    return ValueError(f"its tensor {quoted(name)} has an invalid description")


def _tensor(name: str, entry: _Entry, *, start: int, size: int) -> Tensor:
    """One entry of the header, where the tensors' bytes begin at `start` and the file ends at `size`."""
    first, last = entry.data_offsets
    tensor = Tensor(entry.dtype, tuple(entry.shape), start + first, start + last)
    _check_size(name, tensor, size)
    return tensor


def _check_size(name: str, tensor: Tensor, size: int) -> None:
    if not tensor.start <= tensor.end <= size:
        raise ValueError(f"its tensor {quoted(name)} lies outside the file")
    bits = _BITS.get(tensor.dtype)
    if bits is not None and bits * math.prod(tensor.shape) != 8 * (tensor.end - tensor.start):
        raise ValueError(
            f"its tensor {quoted(name)} does not have as many bytes as its type and shape require"
        )


def _check_places(tensors: dict[str, Tensor], start: int, size: int) -> None:
    """Every byte behind the header is of one tensor."""
    at = start
    for name, tensor in tensors.items():
        if tensor.start != at:
            how = "overlaps the one before it" if tensor.start < at else "begins after a gap"
            raise ValueError(f"its tensor {quoted(name)} {how}")
        at = tensor.end
    if at != size:
        raise ValueError("it has more bytes after its last tensor")
