"""The header of a safetensors file: which tensors it holds, and where.

The format, from the `safetensors` project: the header's length in 8 bytes, little-endian; the header,
a JSON object; then the tensors' bytes, without gaps. Every claim of the file about itself is checked.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import msgspec

from gitstore.tensors.readable import Readable, Region
from gitstore.text import quoted

SUFFIX = ".safetensors"

MAX_HEADER = 16 * 1024 * 1024
"""Bytes of a header that are read. The format itself allows 100 MB."""

MAX_KEYS = 1 << 19
"""The most keys of all objects in a header, four for each tensor. Parsed JSON takes many times its bytes."""

MAX_DIMENSIONS = 64

# Up to this many bytes, the message names a duplicate key. The parser that can name it is slow.
_SMALL = 1 << 18

# A text, with the colon that makes it a key, or a minus sign outside of texts. Every quotation mark begins a
# match, if only up to the end, and nothing backtracks: else hostile bytes could take much time and memory.
_KEY = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"(?:[ \t\n\r]*+(?P<colon>:))?|\\?\Z)|(?P<minus>-)', re.DOTALL
)
# A DecodeError is a ValueError only from msgspec 0.21 on.
_UNREADABLE = (msgspec.DecodeError, ValueError, RecursionError)

_PREFIX = 8
_METADATA = "__metadata__"

# Bits of an element. The size of a tensor of any other type, such as a newer one, is not checked.
_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "BOOL": 8, "U8": 8, "I8": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


# Bytes of a word of floats. A complex number is two words. Values of any other type are no floats.
_WIDTHS = {"F16": 2, "BF16": 2, "F32": 4, "C64": 4, "F64": 8}

_Length = Annotated[int, msgspec.Meta(ge=0)]


class Tensor(NamedTuple):
    """A tensor's type and shape, and where its values begin and end in the file, in bytes."""

    dtype: str
    shape: tuple[int, ...]
    start: int
    end: int


class Header(NamedTuple):
    """The tensors of a file by name, in the order of their bytes, and the metadata of its writer."""

    tensors: dict[str, Tensor]
    metadata: dict[str, str]


def read_header(file: Readable) -> Header:
    """Read the header of a file, and nothing else of the file.

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
    by_name = {name: _locate(name, entry, start=start, size=file.size) for name, entry in entries.items()}
    tensors = dict(sorted(by_name.items(), key=lambda item: (item[1].start, item[1].end)))
    _check_layout(tensors, start, file.size)
    return Header(tensors, metadata)


def find_regions(file: Readable) -> list[Region]:
    """Return where the tensors of a file lie, in order, without the empty ones. Raises like `read_header`."""
    return [
        Region(tensor.start, tensor.end, _WIDTHS.get(tensor.dtype, 1))
        for tensor in read_header(file).tensors.values()
        if tensor.start < tensor.end
    ]


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    """A tensor as the header describes it."""

    dtype: str
    shape: Annotated[list[_Length], msgspec.Meta(max_length=MAX_DIMENSIONS)]
    data_offsets: tuple[_Length, _Length]


# An object's values stay bytes until each is decoded as its expected type. Other values take no memory.
_VALUES = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TENSOR = msgspec.json.Decoder(_Entry)
_TEXTS = msgspec.json.Decoder(dict[str, str])


def _parse(content: bytes) -> tuple[dict[str, _Entry], dict[str, str]]:
    """Return the tensors of a header by name, and its metadata."""
    keys = _count_keys(content)
    try:
        if len(content) <= _SMALL:
            json.loads(content.decode(), object_pairs_hook=_check_keys)
        values = _VALUES.decode(content)
    except _DuplicateKey as error:
        raise ValueError(f"its header has {quoted(error.key)} twice") from error
    except msgspec.ValidationError as error:
        raise ValueError("its header is not a JSON object") from error
    except _UNREADABLE as error:
        raise ValueError("its header is not JSON") from error
    metadata = _decode_metadata(values.pop(_METADATA, None))
    tensors = {name: _decode_entry(name, value) for name, value in values.items()}
    if keys != len(values) + 3 * len(tensors) + (len(metadata) + 1 if metadata is not None else 0):
        raise ValueError("its header has a key twice")
    return tensors, metadata or {}


def _count_keys(content: bytes) -> int:
    """Count the keys of all objects of a JSON text. Raises ValueError if they are too many.

    It takes no memory, whatever the bytes. A header has no negative numbers, and -0 is refused as one.
    """
    keys = 0
    for match in _KEY.finditer(content):
        if match.lastgroup == "minus":
            raise ValueError("its header has a negative number")
        keys += match.lastgroup == "colon"
    if keys > MAX_KEYS:
        raise ValueError(f"its header has more than {MAX_KEYS:,} keys")
    return keys


class _DuplicateKey(Exception):
    """A JSON object has a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _check_keys(pairs: Sequence[tuple[str, Any]]) -> None:
    keys = set()
    for key, _ in pairs:
        if key in keys:
            raise _DuplicateKey(key)
        keys.add(key)


def _decode_metadata(value: msgspec.Raw | None) -> dict[str, str] | None:
    try:
        return _TEXTS.decode(value) if value is not None else None
    except _UNREADABLE as error:
        raise ValueError(f"its {_METADATA} does not map names to texts") from error


def _decode_entry(name: str, value: msgspec.Raw) -> _Entry:
    try:
        entry = _TENSOR.decode(value)
    except _UNREADABLE as error:
        raise _bad_description(name) from error
    if max(*entry.shape, *entry.data_offsets) >= 2**63:
        raise _bad_description(name)
    return entry


def _bad_description(name: str) -> ValueError:
    return ValueError(f"its tensor {quoted(name)} has an invalid description")


def _locate(name: str, entry: _Entry, *, start: int, size: int) -> Tensor:
    """Return a tensor with its place in the file: all tensors lie between `start` and `size`."""
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


def _check_layout(tensors: dict[str, Tensor], start: int, size: int) -> None:
    """Raise ValueError unless every byte after the header belongs to exactly one tensor."""
    expected = start
    for name, tensor in tensors.items():
        if tensor.start != expected:
            problem = "overlaps the one before it" if tensor.start < expected else "begins after a gap"
            raise ValueError(f"its tensor {quoted(name)} {problem}")
        expected = tensor.end
    if expected != size:
        raise ValueError("it has more bytes after its last tensor")
