"""The header of a safetensors file: which tensors it holds, and where.

The format, from the `safetensors` project: the header's length in 8 bytes, little-endian; the header,
a JSON object; then the tensors' bytes, without gaps. Nothing is believed that the file says of itself.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from gitstore.quoting import quoted

SUFFIX = ".safetensors"

MAX_HEADER = 16 * 1024 * 1024
"""Bytes of a header that are read: some hundred thousand tensors. The format itself allows 100 MB."""

MAX_DIMENSIONS = 64

_PREFIX = 8
_METADATA = "__metadata__"

# Bits of an element. A type that came later is taken as it is, and its size is not checked.
_BITS = {
    "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6,
    "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "BOOL": 8, "U8": 8, "I8": 8,
    "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32, "F32": 32,
    "I64": 64, "U64": 64, "F64": 64, "C64": 64,
}  # fmt: skip


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
        raise ValueError("its header ends behind the end of the file")
    found = _parse(file.read(_PREFIX, length))
    metadata = _metadata(found.pop(_METADATA, {}))
    named = {name: _tensor(name, value, start, file.size) for name, value in found.items()}
    tensors = dict(sorted(named.items(), key=lambda item: (item[1].start, item[1].end)))
    _check_places(tensors, start, file.size)
    return Header(tensors, metadata)


def _parse(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content.decode(), object_pairs_hook=_object)
    except _Twice as error:
        raise ValueError(f"its header has {quoted(error.key)} twice") from error
    except (ValueError, RecursionError) as error:
        raise ValueError("its header is not JSON") from error
    if not isinstance(found, dict):
        raise ValueError("its header is not a JSON object")  # noqa: TRY004 - a fault of the file
    return found


class _Twice(Exception):
    """A JSON object has a key twice."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Twice(key)
        found[key] = value
        for text in (key, value):
            if isinstance(text, str):
                text.encode()  # an escape can make half a character, which no output could show
    return found


def _metadata(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise ValueError(f"its {_METADATA} is not texts by name")
    return value


def _tensor(name: str, value: Any, start: int, size: int) -> Tensor:
    """One entry of the header, where the tensors' bytes begin at `start` and the file ends at `size`."""
    match value:
        case {"dtype": str(dtype), "shape": [*shape], "data_offsets": [int(first), int(last)], **rest}:
            lengths = all(_is_length(length) for length in (*shape, first, last))
            if not rest and lengths and len(shape) <= MAX_DIMENSIONS:
                tensor = Tensor(dtype, tuple(shape), start + first, start + last)
                _check_size(name, tensor, size)
                return tensor
    raise ValueError(f"its tensor {quoted(name)} is not described as the format wants it")


def _is_length(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**63


def _check_size(name: str, tensor: Tensor, size: int) -> None:
    if not tensor.start <= tensor.end <= size:
        raise ValueError(f"its tensor {quoted(name)} lies outside the file")
    bits = _BITS.get(tensor.dtype)
    if bits is not None and bits * math.prod(tensor.shape) != 8 * (tensor.end - tensor.start):
        raise ValueError(f"its tensor {quoted(name)} has not as many bytes as its type and shape ask for")


def _check_places(tensors: dict[str, Tensor], start: int, size: int) -> None:
    """Every byte behind the header is of one tensor."""
    at = start
    for name, tensor in tensors.items():
        if tensor.start != at:
            how = "overlaps the one before it" if tensor.start < at else "begins behind a gap"
            raise ValueError(f"its tensor {quoted(name)} {how}")
        at = tensor.end
    if at != size:
        raise ValueError("it goes on behind its last tensor")
