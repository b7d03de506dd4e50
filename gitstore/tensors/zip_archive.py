"""A zip archive: of its members, those that are stored as they are. So numpy and PyTorch write them.

An .npz file has an .npy file for each array. A checkpoint of PyTorch has a member for each storage, and a
pickle that says what they are. That is never read, nor is anything decompressed.
"""

from __future__ import annotations

import struct

from gitstore.tensors import npy
from gitstore.tensors.readable import Readable, Region, read_exactly
from gitstore.tensors.zip_directory import Member, find_directory, read_members

MAGIC = b"PK\x03\x04"

_HEADER = struct.Struct("<4s4xH16xHH")  # magic, method, lengths of the name and of the extra field

# Bytes that one read of a member takes: as a rule, its header and that of an .npy file.
_HEAD = 512


def find_regions(file: Readable) -> list[Region]:
    """Return where the stored members lie, in order, without the empty ones; of an .npy file, its values.

    Raises ValueError, with one line that says what is wrong, for a file that is not in the format.
    """
    directory = find_directory(file)
    members = sorted(read_members(file, directory))
    limits = [*(member.offset for member in members[1:]), directory.offset]
    regions: list[Region] = []
    for index, member in enumerate(members):
        regions += _read_member(file, member, limit=limits[index])
    return regions


def _read_member(file: Readable, member: Member, *, limit: int) -> list[Region]:
    """Return the regions of a member, none or one. The next member or the directory begins at `limit`."""
    head = read_exactly(file, member.offset, max(0, min(_HEAD, limit - member.offset)))
    if len(head) < _HEADER.size:
        raise ValueError("it has a member without a header")
    magic, method, name, extra = _HEADER.unpack_from(head)
    start = member.offset + _HEADER.size + name + extra
    end = start + member.size
    if magic != MAGIC or method != member.method or end > limit:
        raise ValueError("it has a member that overlaps another one or contradicts the directory")
    if method != 0 or member.is_encrypted or start == end:
        return []
    try:
        regions = npy.find_regions(_Content(file, start, end=end, head=head[start - member.offset :]))
    except ValueError:
        return [Region(start, end, None)]
    return [Region(start + region.start, start + region.end, region.width) for region in regions]


class _Content:
    """The bytes of a member. `head` is what has been read of them, or of what follows."""

    def __init__(self, file: Readable, start: int, *, end: int, head: bytes) -> None:
        self.size = end - start
        self._file = file
        self._start = start
        self._head = head

    def read(self, offset: int, length: int) -> bytes:
        if offset + length <= len(self._head):
            return self._head[offset : offset + length]
        return self._file.read(self._start + offset, length)
