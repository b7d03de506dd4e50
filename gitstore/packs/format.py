"""The bytes of packs and pack indexes, after gitformat-pack(5).

Pure functions between bytes and values. They open no file.
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

KEEP_MARK = b"gitstore\n"
"""The content of our `.keep` files, which distinguishes them from those of git and of people."""

GIT_MARK = b"gitstore: packed by git\n"
"""The content of `.keep` beside a pack that git wrote for us, which may have deltas."""

ENTRY_HEADER_MAX = 9
"""The largest header of an entry, in bytes. It holds a size of 60 bits."""

_TYPES: dict[int, Kind | None] = {
    **{kind.value: kind for kind in Kind},
    6: None,  # OBJ_OFS_DELTA
    7: None,  # OBJ_REF_DELTA
}

_OFS_DELTA = 6
_LONGEST_OFFSET = 10
_PACK_VERSION = 2
_INDEX_SIGNATURE = b"\xfftOc\x00\x00\x00\x02"
_LARGE_OFFSET = 0x80000000


class Entry(NamedTuple):
    """Where an object is in a pack, and the CRC-32 of its bytes there."""

    oid: Oid
    offset: int
    crc32: int


class EntryHeader(NamedTuple):
    """The header of a pack entry: the object's kind, its inflated size, and the header's own length in bytes.

    The header of a delta does not have the kind: it is `None`.
    """

    kind: Kind | None
    size: int
    length: int


def pack_header(count: int) -> bytes:
    """Return the 12 bytes with which a pack of `count` objects begins."""
    return struct.pack(">4sII", b"PACK", _PACK_VERSION, count)


def entry_header(kind: Kind, size: int) -> bytes:
    """Return the header of an entry that is not a delta."""
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
    """Return the header at the start of `data`.

    Raises `ValueError` if it does not end or its type is unknown.
    """
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

    The base begins `back` bytes before the delta's own entry, or is the object `oid`.
    """

    base: int
    result: int
    back: int
    oid: Oid | None


class DeltaBase(NamedTuple):
    """Where the base of a delta is, and how many bytes say so.

    The base begins `back` bytes before the delta's own entry, or is the object `oid`.
    """

    back: int
    oid: Oid | None
    length: int


def parse_base(data: bytes, length: int) -> DeltaBase:
    """Return where the base of a delta is, from what follows a header of `length` bytes.

    Raises `ValueError` if it does not end.
    """
    if data[0] >> 4 & 7 != _OFS_DELTA:
        return DeltaBase(0, Oid(data[length : length + TRAILER_SIZE]), TRAILER_SIZE)
    back = -1
    for at in range(length, min(len(data), length + _LONGEST_OFFSET)):
        back = (back + 1) << 7 | data[at] & 0x7F
        if data[at] < 0x80:
            return DeltaBase(back, None, at + 1 - length)
    raise ValueError("the start of a delta is broken")


def parse_delta(data: bytes, length: int) -> DeltaStart:
    """Return the start of a delta in an entry whose header has `length` bytes. Raises `ValueError`."""
    found = parse_base(data, length)
    try:
        start = zlib.decompressobj().decompress(data[length + found.length :], 2 * ENTRY_HEADER_MAX)
    except zlib.error:
        raise ValueError("the start of a delta is broken") from None
    base, result = parse_delta_sizes(start)
    return DeltaStart(base, result, found.back, found.oid)


def parse_delta_sizes(start: bytes) -> tuple[int, int]:
    """Return the sizes of a delta's base and result from its first bytes, inflated. Raises `ValueError`."""
    try:
        base, at = _size(start, 0)
        result, _ = _size(start, at)
    except IndexError:
        raise ValueError("the start of a delta is broken") from None
    return base, result


def _size(data: bytes, at: int) -> tuple[int, int]:
    """Return a size as deltas encode it, seven bits in each byte, and where it ends. Raises `IndexError`."""
    size = shift = 0
    has_more = True
    while has_more:
        size |= (data[at] & 0x7F) << shift
        has_more = data[at] >= 0x80
        at, shift = at + 1, shift + 7
    return size, at


def encode_index(entries: Iterable[Entry], pack_checksum: bytes) -> bytes:
    """Return a version 2 pack index. The entries may come in any order."""
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
    """Raise `ValueError` unless these 8 bytes begin an index of version 2, git's only one since 2008."""
    if header != _INDEX_SIGNATURE:
        raise ValueError("not a pack index of version 2")


def _offset_tables(offsets: list[int]) -> tuple[list[int], list[int]]:
    """Return the table of 31-bit offsets, and the table of 64-bit offsets that it points into."""
    small: list[int] = []
    large: list[int] = []
    for offset in offsets:
        if offset < _LARGE_OFFSET:
            small.append(offset)
        else:
            small.append(_LARGE_OFFSET | len(large))
            large.append(offset)
    return small, large
