"""Several packs, searched as one."""

from __future__ import annotations

from collections.abc import Iterable

from gitstore.packs.oid import Oid
from gitstore.packs.pack import Pack, Packed

_COST_OF_SEARCH = 8
"""Searching the index of one pack costs as much as putting this many objects into a table."""


class PackSet:
    """Finds objects in packs, even in thousands of them. Safe to use from many threads.

    The packs are searched one after the other. When searches in vain have cost as much as making a table of
    all objects, the table is made. It takes about 150 bytes of memory for each object.
    """

    def __init__(self, packs: Iterable[Pack]) -> None:
        self._packs = tuple(packs)
        self._patience = sum(pack.index.count for pack in self._packs) // _COST_OF_SEARCH
        self._table: dict[bytes, Pack] | None = None

    def find(self, oid: Oid) -> Packed | None:
        """Return where an object is, in the first pack that has it."""
        if self._table is None and self._patience < 0:
            self._table = self._make_table()
        if self._table is None:
            return self._search(oid)
        pack = self._table.get(oid)
        position = pack.index.find(oid) if pack is not None else None
        return Packed(pack, position) if pack is not None and position is not None else None

    def _search(self, oid: Oid) -> Packed | None:
        for pack in self._packs:
            position = pack.index.find(oid)
            if position is not None:
                return Packed(pack, position)
            self._patience -= 1
        return None

    def _make_table(self) -> dict[bytes, Pack]:
        table: dict[bytes, Pack] = {}
        for pack in reversed(self._packs):
            table.update(dict.fromkeys(pack.index.raw_oids(), pack))
        return table
