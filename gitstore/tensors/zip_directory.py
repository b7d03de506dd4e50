"""The directory of a zip archive: which members it has, and where.

The format, from PKWARE's APPNOTE.TXT: the directory stands behind the members, and the end record behind the
directory. Records of ZIP64 may be between the two; PyTorch always writes them. What some readers tolerate, an
archive on several disks, bytes in front of or between the records or a comment at the end, is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

from gitstore.tensors.readable import Readable, read_exactly

MAX_DIRECTORY = 16 * 1024 * 1024
"""Bytes of a directory that are read."""

MAX_MEMBERS = 1 << 17

_END = struct.Struct("<4s4H2LH")  # magic, disks, members, directory's size and offset, length of a comment
_LOCATOR = struct.Struct("<4sLQL")  # magic, a disk, offset of the record, number of disks
_END64 = struct.Struct("<4sQ4x2L4Q")  # magic, length, disks, members, directory's size and offset
_ENTRY = struct.Struct("<4s4xHH8xLLHHHH6xL")  # magic, flags, method, sizes, lengths, disk, offset
_RECORD = struct.Struct("<HH")  # id and length of a record of an extra field

_ENDS = _END64.size + _LOCATOR.size + _END.size
_ZIP64 = 1
_ENCRYPTED = 1
_ALL_ONES = 0xFFFFFFFF


class Directory(NamedTuple):
    """Where the directory lies, in bytes, and how many members it lists."""

    offset: int
    size: int
    members: int


class Member(NamedTuple):
    """A member as the directory describes it. Its own header is at `offset`, `size` bytes are stored."""

    offset: int
    size: int
    method: int
    is_encrypted: bool


def find_directory(file: Readable) -> Directory:
    """Find the directory by the records at the end. Raises ValueError if they are not as described above."""
    tail = read_exactly(file, max(0, file.size - _ENDS), min(_ENDS, file.size))
    if len(tail) < _END.size:
        raise ValueError("it is shorter than an end record")
    end = tail[-_END.size :]
    magic, disk, first_disk, here, count, size, offset, comment = _END.unpack(end)
    if magic != b"PK\x05\x06" or disk or first_disk or here != count or comment:
        raise ValueError("it does not end with the end record of an archive on one disk")
    directory, limit = Directory(offset, size, count), file.size - _END.size
    if tail[-_END.size - _LOCATOR.size :].startswith(b"PK\x06\x07"):
        limit = file.size - _ENDS
        directory = _read_zip64(tail, limit, directory)
    if directory.offset + directory.size != limit:
        raise ValueError("its directory does not end where the end records begin")
    if directory.size > MAX_DIRECTORY or directory.members > MAX_MEMBERS:
        raise ValueError(f"its directory is over {MAX_DIRECTORY // 1024**2} MiB or {MAX_MEMBERS:,} members")
    return directory


def _read_zip64(tail: bytes, at: int, short: Directory) -> Directory:
    """Return the directory as the records of ZIP64 describe it. `short` is what the end record says."""
    if len(tail) < _ENDS:
        raise ValueError("its ZIP64 records are not complete")
    magic, length, disk, first_disk, here, count, size, offset = _END64.unpack_from(tail)
    _, locator_disk, locator_offset, disks = _LOCATOR.unpack_from(tail, _END64.size)
    if magic != b"PK\x06\x06" or length != _END64.size - 12 or locator_offset != at:
        raise ValueError("its ZIP64 record is not in front of its locator")
    if locator_disk or disk or first_disk or disks != 1 or here != count:
        raise ValueError("it is on more than one disk")
    if short.members not in (count, 0xFFFF) or short.size not in (size, _ALL_ONES):
        raise ValueError("its end records differ")
    if short.offset not in (offset, _ALL_ONES):
        raise ValueError("its end records differ")
    return Directory(offset, size, count)


def read_members(file: Readable, directory: Directory) -> Iterator[Member]:
    """Yield the members in the order of the directory. Raises ValueError unless they fill it exactly."""
    content = read_exactly(file, directory.offset, directory.size)
    at = 0
    for _ in range(directory.members):
        if at + _ENTRY.size > len(content):
            raise ValueError("its directory lists fewer members than its end record says")
        magic, flags, method, packed, size, name, extra, comment, disk, offset = _ENTRY.unpack_from(
            content, at
        )
        fields = at + _ENTRY.size + name
        at = fields + extra + comment
        if magic != b"PK\x01\x02" or disk or at > len(content):
            raise ValueError("its directory has an entry that is none")
        if _ALL_ONES in (size, packed, offset):
            size, packed, offset = _read_wide(content[fields : fields + extra], (size, packed, offset))
        if method == 0 and not flags & _ENCRYPTED and size != packed:
            raise ValueError("it has a stored member of two sizes")
        yield Member(offset, packed, method, bool(flags & _ENCRYPTED))
    if at != len(content):
        raise ValueError("its directory has more bytes than its members need")


def _read_wide(extra: bytes, values: tuple[int, ...]) -> Iterator[int]:
    """Yield the values of an entry: those that are all ones stand in the record of ZIP64, with 64 bits."""
    records = [body for kind, body in _read_records(extra) if kind == _ZIP64]
    if len(records) != 1 or len(records[0]) < 8 * values.count(_ALL_ONES):
        raise ValueError("it has a member without the ZIP64 record that it needs")
    at = 0
    for value in values:
        if value == _ALL_ONES:
            yield int.from_bytes(records[0][at : at + 8], "little")
            at += 8
        else:
            yield value


def _read_records(extra: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield id and bytes of each record of an extra field. Raises ValueError unless they fill it exactly."""
    at = 0
    while at < len(extra):
        if at + _RECORD.size > len(extra):
            raise ValueError("it has an extra field that is cut off")
        kind, length = _RECORD.unpack_from(extra, at)
        at += _RECORD.size + length
        if at > len(extra):
            raise ValueError("it has an extra field that is cut off")
        yield kind, extra[at - length : at]
