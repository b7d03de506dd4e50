"""A second reader of files of tensors, made from docs/format.md alone: it shares no code with gitstore."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from tests.support.second_writer import Region

MIB = 1 << 20


class _Broken(Exception):
    """The file breaks a rule, so it has no regions."""


def find_regions(content: bytes) -> list[Region]:
    """Return the regions of a file, none if it is no file of tensors."""
    try:
        if content.startswith(b"\x93NUMPY"):
            return _npy(content)
        if content.startswith(b"GGUF"):
            return _gguf(content)
        if content.startswith(b"PK\x03\x04"):
            return _zip(content)
        return _safetensors(content)
    except _Broken:
        return []


def _require(condition: object) -> None:
    if not condition:
        raise _Broken


class _Fields:
    """Numbers and bytes one after the other."""

    def __init__(self, content: bytes, at: int = 0) -> None:
        self.content, self.at = content, at

    def take(self, length: int) -> bytes:
        _require(self.at + length <= len(self.content))
        self.at += length
        return self.content[self.at - length : self.at]

    def number(self, length: int) -> int:
        return int.from_bytes(self.take(length), "little")


# safetensors


class _Digits(str):
    """An integer as it is written."""

    __slots__ = ()


_DTYPES = {
    "F16": (16, 2), "BF16": (16, 2), "F32": (32, 4), "C64": (64, 4), "F64": (64, 8), "F4": (4, 1),
    "F6_E2M3": (6, 1), "F6_E3M2": (6, 1), "BOOL": (8, 1), "U8": (8, 1), "I8": (8, 1), "F8_E5M2": (8, 1),
    "F8_E4M3": (8, 1), "F8_E8M0": (8, 1), "U16": (16, 1), "I16": (16, 1), "U32": (32, 1), "I32": (32, 1),
    "U64": (64, 1), "I64": (64, 1),
}  # fmt: skip


def _safetensors(content: bytes) -> list[Region]:
    fields = _Fields(content)
    length = fields.number(8)
    _require(length <= 16 * MIB)
    header = _parse(fields.take(length))
    _require(type(header) is dict)
    metadata = header.pop("__metadata__", {})
    _require(type(metadata) is dict and all(type(value) is str for value in metadata.values()))
    tensors = sorted(_tensor(value) for value in header.values())
    size, end = len(content) - fields.at, 0
    for first, second, _ in tensors:
        _require(first == end)
        end = second
    _require(end == size)
    at = fields.at
    return [(at + first, at + second, width) for first, second, width in tensors if first < second]


def _parse(header: bytes) -> Any:
    names = 0

    def check_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        nonlocal names
        names += len(pairs)
        _require(len(dict(pairs)) == len(pairs) and names <= 524_288)
        for name, value in pairs:
            check_text(name)
            check_text(value)
        return dict(pairs)

    def check_text(value: object) -> None:
        if isinstance(value, str):
            value.encode()

    def refuse(text: str) -> None:
        raise _Broken

    try:
        return json.loads(
            header.decode(), object_pairs_hook=check_object, parse_int=_Digits, parse_constant=refuse
        )
    except (ValueError, RecursionError) as error:
        raise _Broken from error


def _tensor(value: Any) -> tuple[int, int, int]:
    _require(type(value) is dict and value.keys() == {"dtype", "shape", "data_offsets"})
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    _require(type(dtype) is str and type(shape) is list and type(offsets) is list)
    _require(len(shape) <= 64 and len(offsets) == 2)
    _require(all(type(number) is _Digits and number.isdecimal() for number in shape + offsets))
    _require(all(len(number) <= 19 and int(number) < 2**63 for number in shape + offsets))
    first, second = map(int, offsets)
    _require(first <= second)
    bits, width = _DTYPES.get(dtype, (None, 1))
    _require(bits is None or 8 * (second - first) == bits * math.prod(map(int, shape)))
    return first, second, width


# npy

_NUMBER = rb"(0|[1-9][0-9]{0,18})"
_NPY = (
    rb"\{'descr': '[<>|]([biufcSUV])([1-9][0-9]{0,8})', 'fortran_order': (True|False), "
    rb"'shape': \((|N,|N(, N)+)\), \} *\n".replace(b"N", _NUMBER)
)


def _npy(content: bytes) -> list[Region]:
    fields = _Fields(content, 6)
    version = fields.take(2)
    _require(version in (b"\1\0", b"\2\0", b"\3\0"))
    length = fields.number(2 if version == b"\1\0" else 4)
    _require(length <= 65_536)
    match = re.fullmatch(_NPY, fields.take(length))
    _require(match)
    assert match is not None
    kind, size, shape = (
        match[1].decode(),
        int(match[2]),
        [int(text) for text in re.findall(rb"\d+", match[4])],
    )
    _require(len(shape) <= 64)
    start = fields.at
    _require(len(content) - start == math.prod(shape) * size * (4 if kind == "U" else 1))
    known = {"f2": 2, "f4": 4, "f8": 8, "c8": 4, "c16": 8}
    width = None if kind == "V" else known.get(f"{kind}{size}", 1)
    return [(start, len(content), width)] if start < len(content) else []


# GGUF

_GGUF_SIZES = {0: 1, 1: 1, 7: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 10: 8, 11: 8, 12: 8}
_GGUF_WIDTHS = {0: 4, 1: 2, 28: 8, 30: 2}


def _gguf(content: bytes) -> list[Region]:
    fields = _Fields(content[: 32 * MIB], 4)
    _require(fields.number(4) in (2, 3))
    tensor_count, key_count = fields.number(8), fields.number(8)
    _require(tensor_count <= 131_072 and key_count <= 65_536)
    alignment = _gguf_alignment(fields, key_count)
    described = [_gguf_tensor(fields) for _ in range(tensor_count)]
    base = -(-fields.at // alignment) * alignment
    tensors = sorted((offset, kind, math.prod(shape)) for offset, kind, shape in described if 0 not in shape)
    offsets = [offset for offset, _, _ in tensors]
    end_of_file = len(content) - base
    _require(len(set(offsets)) == len(offsets) and (not offsets or offsets[0] == 0))
    regions: list[Region] = []
    for (offset, kind, count), limit in zip(tensors, [*offsets[1:], end_of_file], strict=False):
        _require(offset % alignment == 0 and offset < end_of_file)
        width = _GGUF_WIDTHS.get(kind)
        end = limit if width is None else offset + count * width
        _require(end <= limit < end + alignment)
        regions.append((base + offset, base + end, width or 1))
    return regions


def _gguf_alignment(fields: _Fields, key_count: int) -> int:
    alignments = []
    strings = 0
    for _ in range(key_count):
        key, kind = fields.take(fields.number(8)), fields.number(4)
        if key == b"general.alignment":
            _require(kind == 4)
            alignments.append(fields.number(4))
        elif kind == 9:
            kind, count = fields.number(4), fields.number(8)
            if kind == 8:
                strings += count
                _require(strings <= 1_048_576)
                for _ in range(count):
                    fields.take(fields.number(8))
            else:
                _require(kind in _GGUF_SIZES)
                fields.take(count * _GGUF_SIZES[kind])
        elif kind == 8:
            fields.take(fields.number(8))
        else:
            _require(kind in _GGUF_SIZES)
            fields.take(_GGUF_SIZES[kind])
    _require(len(alignments) <= 1 and set(alignments) <= {1 << exponent for exponent in range(3, 17)})
    return alignments[0] if alignments else 32


def _gguf_tensor(fields: _Fields) -> tuple[int, int, list[int]]:
    fields.take(fields.number(8))
    dimensions = fields.number(4)
    _require(dimensions <= 4)
    shape = [fields.number(8) for _ in range(dimensions)]
    kind = fields.number(4)
    return fields.number(8), kind, shape


# zip archives


def _zip(content: bytes) -> list[Region]:
    offset, size, count = _directory(content)
    entries = _Fields(content[offset : offset + size])
    members = sorted(_member(entries) for _ in range(count))
    _require(entries.at == size)
    limits = [*(member[0] for member in members[1:]), offset]
    regions: list[Region] = []
    for (at, packed, method, is_stored), limit in zip(members, limits, strict=False):
        _require(at < limit)
        head = _Fields(content, at)
        _require(head.take(4) == b"PK\3\4")
        head.take(4)
        _require(head.number(2) == method)
        head.take(16)
        names = head.number(2) + head.number(2)
        start = head.at + names
        end = start + packed
        _require(end <= limit)
        if is_stored and start < end:
            regions += _stored(content[start:end], start)
    return regions


def _stored(content: bytes, start: int) -> list[Region]:
    whole: list[Region] = [(start, start + len(content), None)]
    if not content.startswith(b"\x93NUMPY"):
        return whole
    try:
        return [(start + first, start + second, width) for first, second, width in _npy(content)]
    except _Broken:
        return whole


def _directory(content: bytes) -> tuple[int, int, int]:
    """Return offset and size of the directory, and how many members it has."""
    _require(len(content) >= 22)
    at = len(content) - 22
    end = _Fields(content, at)
    _require(end.take(4) == b"PK\5\6" and end.number(4) == 0)
    members = end.number(2)
    _require(end.number(2) == members)
    size, offset = end.number(4), end.number(4)
    _require(end.number(2) == 0)
    if at >= 20 and content[at - 20 : at - 16] == b"PK\6\7":
        _require(at >= 76)
        locator = _Fields(content, at - 16)
        at -= 76
        _require((locator.number(4), locator.number(8), locator.number(4)) == (0, at, 1))
        wide = _Fields(content, at)
        _require(wide.take(4) == b"PK\6\6" and wide.number(8) == 44)
        wide.take(4)
        _require(wide.number(4) == wide.number(4) == 0)
        wide_members = wide.number(8)
        _require(wide.number(8) == wide_members)
        wide_size, wide_offset = wide.number(8), wide.number(8)
        _require(members in (wide_members, 2**16 - 1) and size in (wide_size, 2**32 - 1))
        _require(offset in (wide_offset, 2**32 - 1))
        members, size, offset = wide_members, wide_size, wide_offset
    _require(offset + size == at and size <= 16 * MIB and members <= 131_072)
    return offset, size, members


def _member(entries: _Fields) -> tuple[int, int, int, bool]:
    """Return the offset of the next member, how many bytes it has there, its method, and if it is stored."""
    entry = _Fields(entries.take(46))
    _require(entry.take(4) == b"PK\1\2")
    entry.take(4)
    flags, method = entry.number(2), entry.number(2)
    entry.take(8)
    packed, size = entry.number(4), entry.number(4)
    lengths = [entry.number(2) for _ in range(3)]
    _require(entry.number(2) == 0)
    entry.take(6)
    offset = entry.number(4)
    entries.take(lengths[0])
    extra = entries.take(lengths[1])
    entries.take(lengths[2])
    if 2**32 - 1 in (size, packed, offset):
        size, packed, offset = _wide(extra, [size, packed, offset])
    is_stored = method == 0 and flags % 2 == 0
    _require(not is_stored or size == packed)
    return offset, packed, method, is_stored


def _wide(extra: bytes, numbers: list[int]) -> list[int]:
    fields, records = _Fields(extra), []
    while fields.at < len(extra):
        kind, length = fields.number(2), fields.number(2)
        record = fields.take(length)
        if kind == 1:
            records.append(record)
    _require(len(records) == 1)
    wide = _Fields(records[0])
    return [wide.number(8) if number == 2**32 - 1 else number for number in numbers]
