"""Counting what is read of a repository."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gitstore.objects.database import ObjectDatabase
from gitstore.packs import limits
from gitstore.packs.oid import Kind, Oid


class Counting(ObjectDatabase):
    """A database that notes what is read."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.reads: list[Oid] = []

    def read_as(self, kind: Kind, oid: Oid, *, at_most: int = limits.PART) -> bytes:
        self.reads.append(oid)
        return super().read_as(kind, oid, at_most=at_most)


@contextmanager
def list_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Oid]]:
    """The objects that are read in the block, of any repository, as often as they are."""
    reads = list[Oid]()
    with monkeypatch.context() as patch:

        def look(self: ObjectDatabase, oid: Oid, at_most: int) -> tuple[Kind, bytes] | None:
            reads.append(oid)
            return read(self, oid, at_most)

        read = ObjectDatabase._read
        patch.setattr(ObjectDatabase, "_read", look)
        yield reads
