"""The bytes of packs and pack indexes, as gitformat-pack(5) gives them.

Pure functions between bytes and values: no file is opened here.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable
from typing import NamedTuple

from gitstore.packs.oid import Kind, Oid

PACK_HEADER_SIZE = 12
TRAILER_SIZE = 20
FANOUT_SIZE = 256 * 4
INDEX_HEADER_SIZE = 8 + FANOUT_SIZE
INDEX_ENTRY_SIZE = 20 + 4 + 4

ENTRY_HEADER_MAX = 9
"""Bytes of an entry's header, at the most: they hold a size of 60 bits."""

_TYPES: dict[int, Kind | None] = {
    **{kind.value: kind for kind in Kind},
    6: None,  # OBJ_OFS_DELTA
    7: None,  # OBJ_REF_DELTA
}

_OFS_DELTA = 6
_PACK_VERSION = 2
_INDEX_SIGNATURE = b"\xfftOc\x00\x00\x00\x02"
_LARGE_OFFSET = 0x80000000


class Entry(NamedTuple):
    """Where one object lies in a pack, and the CRC-32 of its bytes there."""

    oid: Oid
    offset: int
    crc32: int


class EntryHeader(NamedTuple):
    """The start of a pack entry: which kind the object is of, the inflated size, and its own length in bytes.

    A delta does not say what it is: its kind is `None`.
    """

    kind: Kind | None
    size: int
    length: int


def pack_header(count: int) -> bytes:
    """The 12 bytes a pack of `count` objects begins with."""
    return struct.pack(">4sII", b"PACK", _PACK_VERSION, count)


def entry_header(kind: Kind, size: int) -> bytes:
    """The variable-length header of an entry that is not a delta."""
    byte = kind << 4 | size & 0x0F
    size >>= 4
    header = bytearray()
    while size:
        header.append(byte | 0x80)
        byte = size & 0x7F
        size >>= 7
    header.append(byte)
    return bytes(header)


def parse_entry_header(data: bytes) -> EntryHeader:
    """The header at the start of `data`; `ValueError` if it does not end there, or is of no type of entry."""
    start = data[:ENTRY_HEADER_MAX]
    try:
        byte = start[0]
        size, shift, length = byte & 0x0F, 4, 1
        while byte >= 0x80:
            byte = start[length]
            size |= (byte & 0x7F) << shift
            shift, length = shift + 7, length + 1
    except IndexError:
        raise ValueError("entry header does not end") from None
    number = start[0] >> 4 & 7
    if number not in _TYPES:
        raise ValueError(f"{number} is not a type of entry")
    return EntryHeader(_TYPES[number], size, length)


class DeltaStart(NamedTuple):
    """The start of a delta: the sizes of its base and of its result, and where the base is.

    That is so many bytes before the delta's own entry, or what has the id.
    """

    base: int
    result: int
    back: int
    oid: Oid | None


def parse_delta(data: bytes, length: int) -> DeltaStart:
    """The start of a delta in an entry whose header has `length` bytes; `ValueError` if it is broken."""
    is_offset = data[0] >> 4 & 7 == _OFS_DELTA
    at, back = length, 0
    try:
        if is_offset:
            back = data[at] & 0x7F
            while data[at] & 0x80:
                at += 1
                back = (back + 1) << 7 | data[at] & 0x7F
            at += 1
        else:
            at += TRAILER_SIZE
        start = zlib.decompressobj().decompress(data[at:], 2 * ENTRY_HEADER_MAX)
        base, at_result = _size(start, 0)
        result, _ = _size(start, at_result)
    except (IndexError, zlib.error):
        raise ValueError("the start of a delta is broken") from None
    return DeltaStart(base, result, back, None if is_offset else Oid(data[length : length + TRAILER_SIZE]))


def _size(data: bytes, at: int) -> tuple[int, int]:
    """A size as a delta has it, seven bits in each byte, and where it ends. Raises `IndexError`."""
    size = shift = 0
    more = True
    while more:
        size |= (data[at] & 0x7F) << shift
        more = data[at] >= 0x80
        at, shift = at + 1, shift + 7
    return size, at


def index(entries: Iterable[Entry], pack_checksum: bytes) -> bytes:
    """A version 2 pack index. The entries may come in any order."""
    ordered = sorted(entries)
    fanout = [0] * 256
    for entry in ordered:
        fanout[entry.oid[0]] += 1
    for byte in range(1, 256):
        fanout[byte] += fanout[byte - 1]
    offsets, large = _offset_tables([entry.offset for entry in ordered])
    body = b"".join(
        (
            _INDEX_SIGNATURE,
            struct.pack(">256I", *fanout),
            *(entry.oid for entry in ordered),
            struct.pack(f">{len(ordered)}I", *(entry.crc32 for entry in ordered)),
            struct.pack(f">{len(offsets)}I", *offsets),
            struct.pack(f">{len(large)}Q", *large),
            pack_checksum,
        )
    )
    return body + hashlib.sha1(body).digest()


def check_index_header(header: bytes) -> None:
    """`ValueError` unless these 8 bytes begin an index of version 2, all that git has written since 2008."""
    if header != _INDEX_SIGNATURE:
        raise ValueError("not a pack index of version 2")


def _offset_tables(offsets: list[int]) -> tuple[list[int], list[int]]:
    """The table of 31-bit offsets, and the table of 64-bit ones that it points into."""
    small: list[int] = []
    large: list[int] = []
    for offset in offsets:
        if offset < _LARGE_OFFSET:
            small.append(offset)
        else:
            small.append(_LARGE_OFFSET | len(large))
            large.append(offset)
    return small, large
