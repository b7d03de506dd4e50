"""Reading a pack index: which objects a pack has, and where they are."""

from __future__ import annotations

import hashlib
import mmap
import os
import shlex
import struct
import sys
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from gitstore.errors import Corrupt
from gitstore.packs import format as pack_format
from gitstore.packs.descriptors import PACK_FILES
from gitstore.packs.oid import Oid

_OID = 20
_SMALL = 64 * 1024  # bytes up to which reading costs no more than mapping


def remedy(path: Path) -> str:
    """Return the hint for a pack whose index is damaged."""
    pack = shlex.quote(str(path.with_suffix(".pack")))
    return f"if the pack is sound, git index-pack {pack} creates the index again"


def _read_or_map(file: BinaryIO) -> bytes | mmap.mmap:
    """Return the bytes of an index. A mapping keeps a descriptor open, so a small index is read."""
    size = os.fstat(file.fileno()).st_size
    if size <= _SMALL or not PACK_FILES.take():
        return file.read()
    return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


class PackIndex:
    """A version 2 index, searched in place. Safe to use from many threads."""

    def __init__(self, path: Path) -> None:
        """Map the index, or read a small one.

        Raises `Corrupt` if its tables do not fit together, and `FileNotFoundError` if it does not exist.
        """
        self.path = path
        with path.open("rb") as file:
            self._map = _read_or_map(file)
        try:
            pack_format.check_index_header(self._map[:8])
        except ValueError as error:
            raise Corrupt(f"{path}: {error}", remedy(path)) from error
        if len(self._map) < pack_format.INDEX_HEADER_SIZE + 2 * pack_format.TRAILER_SIZE:
            raise Corrupt(f"{path}: it is cut short", remedy(path))
        self._fanout = struct.unpack_from(">256I", self._map, 8)
        self.count: int = self._fanout[255]
        self._oids = pack_format.INDEX_HEADER_SIZE
        self._crcs = self._oids + _OID * self.count
        self._offsets = self._crcs + 4 * self.count
        self._large = self._offsets + 4 * self.count
        large_end = len(self._map) - 2 * pack_format.TRAILER_SIZE
        if large_end < self._large or list(self._fanout) != sorted(self._fanout):
            raise Corrupt(f"{path}: it is cut short, or its tables do not fit together", remedy(path))

    def __del__(self) -> None:
        if isinstance(getattr(self, "_map", None), mmap.mmap):
            PACK_FILES.give_back()

    @property
    def size(self) -> int:
        """Bytes on disk."""
        return len(self._map)

    @property
    def pack_checksum(self) -> bytes:
        """The checksum with which the pack must end."""
        return self._map[-40:-20]

    def check(self) -> None:
        """Raise `Corrupt` unless the index has the checksum with which it was written.

        Without this check, a flipped bit in an id gives a sound object another name.
        """
        end = len(self._map) - pack_format.TRAILER_SIZE
        with memoryview(self._map) as view:
            is_sound = hashlib.sha1(view[:end]).digest() == view[end:]
        if not is_sound:
            raise Corrupt(f"{self.path}: its checksum is wrong", remedy(self.path))

    def find(self, oid: Oid) -> int | None:
        """Return the position of an object in the index, which is sorted by id; `None` if it is not there."""
        low: int = self._fanout[oid[0] - 1] if oid[0] else 0
        high: int = self._fanout[oid[0]]
        while low < high:
            middle = (low + high) // 2
            at = self._oids + _OID * middle
            candidate = self._map[at : at + _OID]
            if candidate < oid:
                low = middle + 1
            elif candidate > oid:
                high = middle
            else:
                return middle
        return None

    def oid(self, position: int) -> Oid:
        """Return the id at a position."""
        at = self._oids + _OID * position
        return Oid(self._map[at : at + _OID])

    def oids(self) -> Iterator[Oid]:
        """Iterate over all ids, in their order."""
        return map(Oid, self.raw_oids())

    def raw_oids(self) -> list[bytes]:
        """Return the bytes of all ids, in their order. Making an `Oid` of each would take longer."""
        table = self._map[self._oids : self._crcs]
        return [table[at : at + _OID] for at in range(0, len(table), _OID)]

    def crc32(self, position: int) -> int:
        """Return the CRC-32 of an entry's bytes in the pack."""
        crc: int = struct.unpack_from(">I", self._map, self._crcs + 4 * position)[0]
        return crc

    def offset(self, position: int) -> int:
        """Return where in the pack an entry begins."""
        return self._all_offsets[position]

    def span(self, position: int, pack_size: int) -> tuple[int, int]:
        """Return where in the pack an entry begins and ends: at the next entry, or at the pack's trailer."""
        start = self._all_offsets[position]
        after = bisect_right(self.ordered_offsets, start)
        if after < self.count:
            return start, self.ordered_offsets[after]
        return start, pack_size - pack_format.TRAILER_SIZE

    def sizes(self, pack_size: int) -> list[int]:
        """Return the bytes of each entry in a pack of this size, in the order of their ids.

        Raises `Corrupt`.
        """
        ordered, last = self.ordered_offsets, pack_size - pack_format.TRAILER_SIZE
        if ordered and (ordered[0] < pack_format.PACK_HEADER_SIZE or ordered[-1] >= last):
            raise Corrupt(f"{self.path}: an object lies outside the pack", remedy(self.path))
        ends = dict(zip(ordered, [*ordered[1:], last], strict=True)) if ordered else {}
        return [ends[offset] - offset for offset in self._all_offsets]

    @cached_property
    def _all_offsets(self) -> array[int]:
        small = array("I", self._map[self._offsets : self._large])
        if sys.byteorder == "little":
            small.byteswap()
        offsets = array("Q", small)
        for position, value in enumerate(small):
            if value & 0x80000000:
                at = self._large + 8 * (value & 0x7FFFFFFF)
                if at + 8 > len(self._map) - 2 * pack_format.TRAILER_SIZE:
                    raise Corrupt(f"{self.path}: an offset points outside the index", remedy(self.path))
                offsets[position] = struct.unpack_from(">Q", self._map, at)[0]
        return offsets

    @cached_property
    def ordered_offsets(self) -> array[int]:
        return array("Q", sorted(self._all_offsets))
