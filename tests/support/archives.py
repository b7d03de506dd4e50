"""zip archives: as PyTorch writes them, as numpy does, and others; lies included."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

WIDE = 0xFFFFFFFF
"""A number of 32 bits that says: the true one has 64 bits, and stands elsewhere."""


@dataclass(frozen=True)
class Entry:
    """A member, and what its header and the directory say of it; `None`: the truth."""

    name: bytes
    content: bytes
    flags: int = 0
    method: int = 0
    local_method: int | None = None
    local_extra: bytes = b""
    extra: bytes = b""
    comment: bytes = b""
    disk: int = 0
    size: int | None = None
    packed: int | None = None
    offset: int | None = None
    magic: bytes = b"PK\x03\x04"
    entry_magic: bytes = b"PK\x01\x02"
    descriptor: bytes = b""
    alignment: int = 1
    """What the offset of the bytes is a multiple of, by padding in an extra field of the header."""


@dataclass(frozen=True)
class End:
    """What the end records say; `None`: the truth."""

    here: int | None = None
    members: int | None = None
    size: int | None = None
    offset: int | None = None
    disk: int = 0
    first_disk: int = 0
    comment: bytes = b""
    comment_length: int | None = None
    zip64: bool = False
    wide_members: int | None = None
    wide_here: int | None = None
    wide_size: int | None = None
    wide_offset: int | None = None
    wide_length: int = 44
    wide_disk: int = 0
    wide_first_disk: int = 0
    wide_magic: bytes = b"PK\x06\x06"
    locator_offset: int | None = None
    locator_disk: int = 0
    disks: int = 1
    between: bytes = b""
    """Bytes between the directory and the end records."""


_TRUE = End()


def archive(entries: Iterable[Entry], end: End = _TRUE) -> bytes:
    """An archive with these members, in this order."""
    content, listed = b"", b""
    count = 0
    for entry in entries:
        offset = len(content)
        content += _with_header(entry, offset) + entry.descriptor
        listed += _listed(entry, offset)
        count += 1
    return content + listed + end.between + _end(end, count, size=len(listed), offset=len(content))


def _known(claim: int | None, truth: int) -> int:
    return truth if claim is None else claim


def _with_header(entry: Entry, offset: int) -> bytes:
    extra = entry.local_extra
    if entry.alignment > 1:
        padding = -(offset + 30 + len(entry.name) + 4) % entry.alignment
        extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
    method = _known(entry.local_method, entry.method)
    sizes = (0, 0) if entry.descriptor else (len(entry.content),) * 2
    fields = struct.pack("<3H2HL2L", 0, entry.flags, method, 0, 0, 0, *sizes)
    lengths = struct.pack("<2H", len(entry.name), len(extra))
    return entry.magic + fields + lengths + entry.name + extra + entry.content


def _listed(entry: Entry, offset: int) -> bytes:
    size = len(entry.content)
    lengths = (len(entry.name), len(entry.extra), len(entry.comment))
    fields = struct.pack(
        "<6H3L5H2L",
        *(0, 0, entry.flags, entry.method, 0, 0),
        *(zlib.crc32(entry.content), _known(entry.packed, size), _known(entry.size, size)),
        *(*lengths, entry.disk, 0, 0, _known(entry.offset, offset)),
    )
    return entry.entry_magic + fields + entry.name + entry.extra + entry.comment


def _end(end: End, count: int, *, size: int, offset: int) -> bytes:
    records = b""
    if end.zip64:
        at = offset + size + len(end.between)
        members = _known(end.wide_members, count)
        records += end.wide_magic + struct.pack(
            "<Q2H2L4Q",
            *(end.wide_length, 0x31E, 45, end.wide_disk, end.wide_first_disk),
            *(_known(end.wide_here, members), members),
            *(_known(end.wide_size, size), _known(end.wide_offset, offset)),
        )
        locator = (end.locator_disk, _known(end.locator_offset, at), end.disks)
        records += b"PK\x06\x07" + struct.pack("<LQL", *locator)
    members = _known(end.members, count)
    fields = struct.pack(
        "<4H2LH",
        *(end.disk, end.first_disk, _known(end.here, members), members),
        *(_known(end.size, size), _known(end.offset, offset)),
        _known(end.comment_length, len(end.comment)),
    )
    return records + b"PK\x05\x06" + fields + end.comment


def zip64_record(*values: int) -> bytes:
    """The record of ZIP64 in an extra field."""
    return struct.pack(f"<HH{len(values)}Q", 1, 8 * len(values), *values)


def pytorch(members: Mapping[str, bytes], *, name: str = "archive") -> bytes:
    """A checkpoint as torch.save of PyTorch 2 writes it: members at multiples of 64, ZIP64, descriptors."""
    entries = [_pytorch_entry(f"{name}/{member}".encode(), content) for member, content in members.items()]
    return archive(entries, End(zip64=True))


def _pytorch_entry(name: bytes, content: bytes) -> Entry:
    entry = Entry(name, content, flags=0x800, alignment=64)
    if not content:
        return entry
    sizes = struct.pack("<3L", zlib.crc32(content), len(content), len(content))
    return replace(entry, flags=0x808, descriptor=b"PK\x07\x08" + sizes)


def npy(values: np.ndarray, version: tuple[int, int] | None = None) -> bytes:
    """An .npy file, as numpy writes it."""
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, values, version=version)
    return buffer.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    """An .npz file, as numpy writes it."""
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()
