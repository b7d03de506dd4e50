"""A GGUF file: keys with values, descriptions of tensors, the tensors.

The format, from docs/gguf.md of the project ggml, in the versions 2 and 3, little-endian. Of the values only
the alignment is read; the others are skipped. How many bytes a quantised tensor takes is not known here: it
extends to the next one.
"""

from __future__ import annotations

import math
import struct
from typing import NamedTuple

from gitstore.tensors.readable import Readable, Region, read_exactly

MAGIC = b"GGUF"

MAX_HEADER = 32 * 1024 * 1024
"""Bytes in front of the first tensor that are read."""

MAX_TENSORS = 1 << 17
MAX_KEYS = 1 << 16
MAX_STRINGS = 1 << 20
"""The most strings in all arrays together. A vocabulary is an array of strings."""

MAX_DIMENSIONS = 4

_ALIGNMENT = b"general.alignment"
_ALIGNMENTS = {1 << exponent for exponent in range(3, 17)}
_DEFAULT_ALIGNMENT = 32

_UINT32, _STRING, _ARRAY = 4, 8, 9
_SIZES = {0: 1, 1: 1, 2: 2, 3: 2, _UINT32: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value, by its type. Strings and arrays have a length of their own."""

_WIDTHS = {0: 4, 1: 2, 28: 8, 30: 2}
"""Bytes of a float, by the type of a tensor: F32, F16, F64, BF16."""

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")


class _Tensor(NamedTuple):
    """A tensor as the header describes it, `offset` from the first tensor. `length` is None if unknown."""

    offset: int
    length: int | None
    width: int


def find_regions(file: Readable) -> list[Region]:
    """Return where the tensors of a file lie, in order, without the empty ones.

    Raises ValueError, with one line that says what is wrong, for a file that is not in the format.
    """
    header = _Header(file)
    if header.take(4) != MAGIC or header.read_u32() not in (2, 3):
        raise ValueError("it is not a GGUF file of a known version")
    count, keys = header.read_u64(), header.read_u64()
    if count > MAX_TENSORS or keys > MAX_KEYS:
        raise ValueError(f"it has more than {MAX_TENSORS:,} tensors or {MAX_KEYS:,} keys")
    alignment = _read_alignment(header, keys)
    tensors = [_read_tensor(header) for _ in range(count)]
    start = -(-header.at // alignment) * alignment
    placed = sorted((tensor for tensor in tensors if tensor.length != 0), key=lambda tensor: tensor.offset)
    return _lay_out(placed, start, size=file.size, alignment=alignment)


class _Header:
    """The beginning of a file, which is read as far as it is asked for."""

    def __init__(self, file: Readable) -> None:
        self.at = 0
        self._file = file
        self._content = bytearray()
        self._strings = 0

    def take(self, length: int) -> bytes:
        """Return the next bytes."""
        start = self.skip(length)
        return bytes(self._content[start : start + length])

    def skip(self, length: int) -> int:
        """Pass over the next bytes, and return where they begin."""
        start = self.at
        self._extend(start + length)
        self.at = start + length
        return start

    def read_u32(self) -> int:
        value: int = _U32.unpack_from(self._content, self.skip(4))[0]
        return value

    def read_u64(self) -> int:
        value: int = _U64.unpack_from(self._content, self.skip(8))[0]
        return value

    def skip_strings(self, count: int) -> None:
        """Pass over strings: a length and as many bytes, each."""
        self._strings += count
        if self._strings > MAX_STRINGS:
            raise ValueError(f"its arrays have more than {MAX_STRINGS:,} strings")
        content, unpack, at = self._content, _U64.unpack_from, self.at
        for _ in range(count):
            if at + 8 > len(content):
                self._extend(at + 8)
            at += 8 + unpack(content, at)[0]
        self._extend(at)
        self.at = at

    def _extend(self, end: int) -> None:
        """Read on, unless all up to `end` is there: each time as much as there was, so that reads are few."""
        if end > MAX_HEADER:
            raise ValueError(f"its header is longer than {MAX_HEADER // 1024**2} MiB")
        known = len(self._content)
        if end > known:
            aim = min(max(end, 2 * known, 1 << 16), MAX_HEADER, max(end, self._file.size))
            self._content += read_exactly(self._file, known, aim - known)


def _read_alignment(header: _Header, keys: int) -> int:
    """Pass over all keys and values, and return the alignment of the tensors."""
    alignment = None
    for _ in range(keys):
        key, kind = header.take(header.read_u64()), header.read_u32()
        if key != _ALIGNMENT:
            _skip_value(header, kind)
            continue
        if kind != _UINT32 or alignment is not None:
            raise ValueError("its alignment is no number, or there are two")
        alignment = header.read_u32()
        if alignment not in _ALIGNMENTS:
            raise ValueError(f"its alignment is {alignment}")
    return _DEFAULT_ALIGNMENT if alignment is None else alignment


def _skip_value(header: _Header, kind: int) -> None:
    if kind == _STRING:
        header.skip(header.read_u64())
        return
    count = 1
    if kind == _ARRAY:
        kind, count = header.read_u32(), header.read_u64()
    if kind == _STRING:
        header.skip_strings(count)
    elif kind in _SIZES:
        header.skip(count * _SIZES[kind])
    else:
        raise ValueError(f"it has a value of type {kind}")


def _read_tensor(header: _Header) -> _Tensor:
    header.skip(header.read_u64())  # its name
    dimensions = header.read_u32()
    if dimensions > MAX_DIMENSIONS:
        raise ValueError(f"it has a tensor of {dimensions} dimensions")
    count = math.prod([header.read_u64() for _ in range(dimensions)])
    kind, offset = header.read_u32(), header.read_u64()
    width = _WIDTHS.get(kind)
    if width is None:
        return _Tensor(offset, None if count else 0, 1)
    return _Tensor(offset, count * width, width)


def _lay_out(tensors: list[_Tensor], start: int, *, size: int, alignment: int) -> list[Region]:
    """Return the regions of tensors that are sorted by offset, and checked: only padding is between them."""
    if tensors and tensors[0].offset != 0:
        raise ValueError("its first tensor does not follow its header")
    regions = []
    limits = [*(tensor.offset for tensor in tensors[1:]), size - start]
    for index, (offset, length, width) in enumerate(tensors):
        limit = limits[index]
        if offset % alignment or offset >= limit:
            raise ValueError("it has a tensor at an offset that is invalid or that of another tensor")
        end = limit if length is None else offset + length
        if not limit - alignment < end <= limit:
            raise ValueError("it has a tensor that overlaps another one, or is followed by more than padding")
        regions.append(Region(start + offset, start + end, width))
    return regions
