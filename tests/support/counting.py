"""Counting what is read of a repository."""

from __future__ import annotations

from pathlib import Path

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
