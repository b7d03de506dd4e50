"""What a new pack says of its objects, without inflating them.

git follows each delta down to the object that it begins with, to tell its kind. That is quadratic in the
length of a chain, and a pack of 6 MB can have a chain of 300,000. Here each entry is looked at once.
"""

from __future__ import annotations

import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from gitstore.errors import Corrupt
from gitstore.packs import format as pack_format
from gitstore.packs.index import PackIndex
from gitstore.packs.oid import Kind, Oid
from gitstore.policy.limits import DELTA_DEPTH
from gitstore.policy.push import NewObject

_START = 128  # bytes of an entry that include its header, its base, and the two sizes after that
_BLOCK = 4 * 1024  # bytes that are read at once; small entries share them
_KINDS = {kind.value: kind for kind in Kind}


class PackedObject(NamedTuple):
    """An object in a pack."""

    oid: Oid
    new: NewObject


class ChainTooDeep(Exception):
    """An object that a chain of too many deltas makes."""

    def __init__(self, oid: Oid) -> None:
        super().__init__(f"object {oid.short}")
        self.oid = oid


class PackHeaders:
    """The headers of all entries of one pack, in 19 bytes each. A delta's base is in the same pack.

    git makes it so: it appends the bases that a thin pack lacks (git-index-pack(1), `--fix-thin`).
    """

    def __init__(self, index: Path) -> None:
        """Open the index of a pack. Raises `Corrupt` and `OSError`."""
        self._path = index.with_suffix(".pack")
        self._index = PackIndex(index)
        self.count = self._index.count

    def __iter__(self) -> Iterator[PackedObject]:
        """Yield the objects in the order of their ids.

        Raises `ChainTooDeep`, `Corrupt` and `OSError` before the first one.
        """
        self._offsets = offsets = self._index.ordered_offsets
        self._kinds = bytearray(self.count)  # 0 for a delta until its base's is known
        self._sizes = array("Q", bytes(8 * self.count))
        self._depths = array("H", bytes(2 * self.count))
        self._read()
        end = self._path.stat().st_size - pack_format.TRAILER_SIZE
        for position in range(self.count):
            at = self._place(self._index.offset(position))
            disk = (offsets[at + 1] if at + 1 < self.count else end) - offsets[at]
            new = NewObject(_KINDS[self._kinds[at]], self._sizes[at], disk)
            yield PackedObject(self._index.oid(position), new)

    def _read(self) -> None:
        """Read what each entry says: its kind and size, or its base and the size of its result."""
        waiting: dict[int, int] = {}
        for at, data in enumerate(self._starts()):
            try:
                kind, size, length = pack_format.parse_entry_header(data)
                if kind is not None:
                    self._sizes[at], self._kinds[at] = size, kind
                    continue
                start = pack_format.parse_delta(data, length)
                self._sizes[at], base = start.result, self._find_base(at, start)
            except ValueError as error:
                raise self._corrupt(at, str(error)) from error
            if self._kinds[base]:
                self._derive(at, base)
            else:
                waiting[at] = base
        for at in waiting:
            self._follow(at, waiting)

    def _starts(self) -> Iterator[bytes]:
        """Yield the first bytes of each entry, in the order of the file."""
        with self._path.open("rb", buffering=0) as file:
            block, first = b"", 0
            for offset in self._offsets:
                if offset + _START > first + len(block):
                    block, first = os.pread(file.fileno(), _BLOCK, offset), offset
                yield block[offset - first : offset - first + _START]

    def _find_base(self, at: int, start: pack_format.DeltaStart) -> int:
        if start.oid is None:
            return self._place(self._offsets[at] - start.back)
        position = self._index.find(start.oid)
        if position is None:
            raise ValueError(f"its base {start.oid} is not in the pack")
        return self._place(self._index.offset(position))

    def _place(self, offset: int) -> int:
        """Return which entry begins at an offset, counted in the order of the file."""
        at = bisect_left(self._offsets, offset)
        if at == self.count or self._offsets[at] != offset:
            raise ValueError(f"no entry begins at byte {offset}")
        return at

    def _derive(self, at: int, base: int) -> None:
        """Give a delta the kind of its base, which is known, and one more delta."""
        self._kinds[at], self._depths[at] = self._kinds[base], self._depths[base] + 1
        if self._depths[at] > DELTA_DEPTH:
            raise ChainTooDeep(self._oid_of(at))

    def _follow(self, at: int, bases: Mapping[int, int]) -> None:
        """Do the same for a delta whose base comes later in the pack, perhaps with bases of its own."""
        chain = []
        while not self._kinds[at]:
            chain.append(at)
            at = bases[at]
            if len(chain) > DELTA_DEPTH:  # or it has no end
                raise ChainTooDeep(self._oid_of(chain[0]))
        for delta in reversed(chain):
            self._derive(delta, bases[delta])

    def _oid_of(self, at: int) -> Oid:
        offsets = map(self._index.offset, range(self.count))
        return next(
            self._index.oid(position)
            for position, offset in enumerate(offsets)
            if offset == self._offsets[at]
        )

    def _corrupt(self, at: int, problem: str) -> Corrupt:
        return Corrupt(f"{self._path}: the entry at byte {self._offsets[at]}: {problem}")
